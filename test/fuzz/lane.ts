import { initializeMessage } from '../support/raw-session.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { longEnoughMs } from '../support/patience.ts'

/** Asks one server, in one session as long as that lives and then in the next. */
export interface Lane {
  /** Opens another session, and ends it if it was opened. */
  openOnce(): Promise<void>
  /** Calls something and reads the whole answer, whatever it is. */
  call(): Promise<void>
  /** Whether there is a session that the next call goes to. */
  isOpen(): boolean
  /** Ends the session that there is. */
  end(): Promise<void>
}

/** Headers that tell where a message ends or what it is: two of them are one too many. */
const single = ['content-type', 'content-length', 'transfer-encoding', 'mcp-session-id']

/** @throws when an answer never ends, or has a header twice */
export function createLane(url: string): Lane {
  let sessionId: string | undefined
  let calls = 0

  async function open(): Promise<string | undefined> {
    const opened = await post(initializeMessage(), undefined)
    const id = opened?.headers['mcp-session-id']
    return opened?.status === 200 && typeof id === 'string' ? id : undefined
  }

  /** @returns undefined when it was cut, as an answer may be that its worker has spoilt */
  async function post(message: object, id: string | undefined): Promise<RawResponse | undefined> {
    const signal = AbortSignal.timeout(longEnoughMs)
    try {
      const response = await postRpc(url, message, { sessionId: id, signal })
      const names = response.rawHeaders.filter((_, at) => at % 2 === 0)
      const twice = single.find((name) => names.filter(isNamed(name)).length > 1)
      if (twice !== undefined) throw new Twice(`the answer has ${twice} twice`)
      await response.text()
      return response
    } catch (thrown) {
      if (thrown instanceof Twice) throw thrown
      if (signal.aborted) throw new Error('there is no end of the answer', { cause: thrown })
      return undefined
    }
  }

  async function end(id: string | undefined): Promise<void> {
    const headers = { 'mcp-session-id': id }
    if (id !== undefined) await rawRequest(url, { method: 'DELETE', headers })
  }

  return {
    async openOnce() {
      await end(await open())
    },
    async call() {
      sessionId ??= await open()
      if (sessionId === undefined) throw new Error(`${url}: no session can be opened any more`)
      calls += 1
      const message = { jsonrpc: '2.0', id: calls, method: 'tools/call', params: {} }
      const answer = await post(message, sessionId)
      if (answer?.status === 404) sessionId = undefined
    },
    isOpen: () => sessionId !== undefined,
    async end() {
      await end(sessionId)
      sessionId = undefined
    },
  }
}

class Twice extends Error {}

const isNamed =
  (name: string) =>
  (other: string): boolean =>
    other.toLowerCase() === name
