import { setTimeout as sleep } from 'node:timers/promises'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { longEnoughMs } from '../support/patience.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'

/** An MCP session on the wire, behind a balancer without stickiness, as an SDK client has it. */
export interface Wire {
  /** Sends a request and settles with its response, on whatever stream that comes. */
  request(message: RpcMessage & { id: string }): Promise<Ending>
  /**
   * Sends a notification or a response; tries again, as nobody else will.
   *
   * @returns whether it was taken
   */
  tell(message: RpcMessage): Promise<boolean>
  /** Holds the standalone stream open, until the session is over. */
  listen(): Promise<void>
  /** @returns the status of the answer; 0 where there was none */
  remove(): Promise<number>
  close(): void
}

/** How a request ended. */
export type Ending =
  | { kind: 'answered'; message: RpcMessage; wasResumed: boolean }
  | Failure
  | { kind: 'late'; story: string }

/** `status` 0: the connection was cut, or there was none. */
export interface Failure {
  kind: 'failed'
  status: number
  message: RpcMessage | undefined
  words: string
}

export interface WireOptions {
  sessionId: string
  /** The endpoint at one of the replicas, another one each time. */
  url(): string
  /** A request of the server. */
  onRequest(message: RpcMessage): void
  /** A response that nobody waits for. */
  onStray(message: RpcMessage): void
}

/** SDK clients give up then. */
const resumeWithinMs = 2500
/** No exchange takes so long, whatever happens to it. */
const answeredWithinMs = longEnoughMs
const pauseMs = 150
const headers = { 'mcp-protocol-version': '2025-11-25' }

export function createWire({ sessionId, url, onRequest, onStray }: WireOptions): Wire {
  const waiting = new Map<string, (message: RpcMessage) => void>()
  const over = new AbortController()
  /** What happened lately, for people. */
  const recently: string[] = []
  const note = (what: string): void => {
    recently.push(`${Date.now() % 1_000_000} ${what}`)
    if (recently.length > 60) recently.shift()
  }

  const take = (text: string): void => {
    const message = JSON.parse(text) as RpcMessage
    note(`hears ${message.method ?? 'a response'} ${String(message.id)}`)
    if (message.method !== undefined) {
      if (message.id !== undefined) onRequest(message)
      return
    }
    const waits = waiting.get(String(message.id))
    waiting.delete(String(message.id))
    if (waits === undefined) onStray(message)
    else waits(message)
  }

  /** Reads a stream to its end, or as far as is wanted, and gives the id of its last event. */
  const readOn = async (
    stream: RawResponse,
    lastId: string | undefined,
    isDone: () => boolean,
  ): Promise<string | undefined> => {
    let seen = lastId
    try {
      for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
        seen = event.id ?? seen
        if (event.data !== '') take(event.data)
        if (isDone()) break
      }
    } catch {
      // It was cut.
    }
    note(`a stream is over at ${seen}`)
    stream.abort()
    return seen
  }

  /** The stream that goes on after an event, at any replica. */
  const resume = async (lastEventId: string, signal: AbortSignal) => {
    let last = cut('nobody was there to resume from')
    for (const untilMs = Date.now() + resumeWithinMs; Date.now() < untilMs;) {
      try {
        const stream = await getStream(url(), { sessionId, lastEventId, headers, signal })
        note(`resumes from ${lastEventId}: ${stream.status}`)
        if (stream.status === 200) return stream
        last = await failureOf(stream, 'a resuming GET')
      } catch {
        // There was no connection.
      }
      if (signal.aborted || last.status === 404 || last.status === 400) break
      await sleep(pauseMs)
    }
    return last
  }

  const exchange = async (
    message: RpcMessage & { id: string },
    signal: AbortSignal,
  ): Promise<Ending> => {
    let response: RpcMessage | undefined
    const isDone = (): boolean => response !== undefined
    waiting.set(message.id, (found) => (response = found))
    note(`sends ${message.id}`)
    const answer = await postRpc(url(), message, { sessionId, headers, signal })
    if (answer.status !== 200) return failureOf(answer, 'a POST')
    let wasResumed = false
    if (answer.headers['content-type']?.startsWith('application/json')) take(await answer.text())
    else {
      let lastId = await readOn(answer, undefined, isDone)
      while (response === undefined && !signal.aborted) {
        if (lastId === undefined) return cut('a stream without ids ended')
        wasResumed = true
        const stream = await resume(lastId, signal)
        if ('kind' in stream) return stream
        lastId = await readOn(stream, lastId, isDone)
      }
    }
    if (response === undefined) return late(message.id)
    return { kind: 'answered', message: response, wasResumed }
  }

  const late = (id: string): Ending => ({
    kind: 'late',
    story: `waits for ${id}:\n    ${recently.join('\n    ')}`,
  })

  return {
    async request(message) {
      const signal = AbortSignal.timeout(answeredWithinMs)
      try {
        const ending = await exchange(message, signal)
        return ending.kind === 'failed' && signal.aborted ? late(message.id) : ending
      } catch (thrown) {
        return signal.aborted ? late(message.id) : cut(thrown)
      } finally {
        waiting.delete(message.id)
      }
    },

    async tell(message) {
      for (const untilMs = Date.now() + resumeWithinMs; Date.now() < untilMs;) {
        if (over.signal.aborted) return false
        try {
          const answer = await postRpc(url(), message, { sessionId, headers, signal: over.signal })
          await answer.text()
          note(`tells ${message.method ?? String(message.id)}: ${answer.status}`)
          if (answer.status < 500) return answer.status < 300
        } catch {
          // There was no connection, or it was cut.
        }
        await sleep(pauseMs)
      }
      return false
    },

    async listen() {
      let lastId: string | undefined
      while (!over.signal.aborted) {
        const after = lastId === undefined ? {} : { lastEventId: lastId }
        const options = { sessionId, headers, signal: over.signal, ...after }
        const stream = await getStream(url(), options).catch(() => undefined)
        note(`listens after ${lastId}: ${stream?.status}`)
        if (stream?.status === 200) lastId = await readOn(stream, lastId, () => over.signal.aborted)
        else stream?.abort()
        // Nothing is left to go on from, or of the session.
        if (stream?.status === 400) lastId = undefined
        if (stream?.status === 404 || stream?.status === 405) return
        await sleep(pauseMs)
      }
    },

    async remove() {
      const options = { method: 'DELETE', headers: { 'mcp-session-id': sessionId } }
      const answer = await rawRequest(url(), options).catch(() => undefined)
      await answer?.text().catch(() => undefined)
      return answer?.status ?? 0
    },

    close: () => over.abort(),
  }
}

function cut(thrown: unknown): Failure {
  const words = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
  return { kind: 'failed', status: 0, message: undefined, words }
}

async function failureOf(answer: RawResponse, what: string): Promise<Failure> {
  const text = await answer.text().catch(() => '')
  let message: RpcMessage | undefined
  try {
    message = JSON.parse(text) as RpcMessage
  } catch {
    // The connection was cut, or nothing was said.
  }
  const words = `${what}: ${answer.status} ${message?.error?.message ?? text.slice(0, 80)}`
  return { kind: 'failed', status: answer.status, message, words }
}
