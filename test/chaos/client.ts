import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { longEnoughMs } from '../support/patience.ts'
import { postRpc } from '../support/raw-http.ts'
import { messageOf } from '../support/raw-mcp.ts'
import type { Chances } from './random.ts'
import type { Story, Tally } from './story.ts'
import type { Ending, Wire } from './wire.ts'
import { createWire } from './wire.ts'

/** Somebody who talks all the time, in one session after the other. */
export interface Client {
  readonly server: string
  /** Settles when the client has had its say, after `stop` was aborted. */
  readonly done: Promise<void>
  /** The session that it has now, if it has one. */
  current(): Story | undefined
  /** One more call in the session that it has. */
  call(): Promise<void>
  /** Listens no more, wherever its session is. */
  close(): void
}

export interface ClientOptions {
  server: string
  chances: Chances
  tally: Tally
  stop: AbortSignal
  /** The endpoint of a server at one of the replicas, another one each time. */
  url(server: string): string
  /** Between two calls, at most. */
  pauseMs: number
}

/** What the server says: who it is, what it remembers, what it was asked. */
interface Said {
  session?: string
  canary?: string
  token?: string
  answer?: string
}

const initialize = {
  jsonrpc: '2.0',
  id: 'initialize',
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'chaos', version: '1' },
  },
}
const tools = ['tell', 'wait', 'ask', 'ask'] as const
const openedWithinMs = longEnoughMs

export function createClient(options: ClientOptions): Client {
  const { server, chances, tally, stop, pauseMs } = options
  let session: { story: Story; wire: Wire; canary: string } | undefined
  let calls = 0
  /** Calls that wait for an answer of ours that did not get through. */
  const unsaid = new Set<string>()

  const open = async (): Promise<void> => {
    const signal = AbortSignal.timeout(openedWithinMs)
    const url = options.url(server)
    try {
      const answer = await postRpc(url, initialize, { signal })
      const id = answer.headers['mcp-session-id']
      const message = await messageOf(answer)
      if (answer.status !== 200 || message.result === undefined || typeof id !== 'string') {
        tally.tell('refused', `initialize: ${answer.status} ${message.error?.message}`)
        return
      }
      begin(id)
    } catch (thrown) {
      if (signal.aborted) tally.tell('HUNG', `initialize at ${url}`)
      else tally.tell('cut', `initialize: ${codeOf(thrown)}`)
    }
  }

  const begin = (id: string): void => {
    const canary = randomUUID()
    const story = tally.begin(id, server)
    const wire = createWire({
      sessionId: id,
      url: () => options.url(server),
      onRequest: (message) => void answerTo(message),
      onStray: ({ id: stray }) => {
        // After a resumption the end of the last exchange may come again.
        if (!String(stray).startsWith(canary)) tally.tell('WRONG', `a response to ${String(stray)}`)
      },
    })
    const answerTo = async ({ id: question, params }: RpcMessage): Promise<void> => {
      const said = JSON.parse(String(params?.['message'])) as Said
      if (said.session !== id) tally.tell('WRONG', `${server}: a question of another session`)
      const content = { answer: `${canary} ${said.token}` }
      const result = { action: 'accept', content }
      const isTaken = await wire.tell({ jsonrpc: '2.0', id: question!, result })
      if (!isTaken && said.token !== undefined) unsaid.add(said.token)
    }
    session = { story, wire, canary }
    void wire.tell({ jsonrpc: '2.0', method: 'notifications/initialized' })
    // An SDK client always does; but what it does not hear there it has to hear elsewhere.
    if (chances.upTo(2) === 0) void wire.listen()
  }

  const forget = (told: string): void => {
    if (session === undefined) return
    session.story.told ??= told
    session.wire.close()
    session = undefined
  }

  const call = async (): Promise<void> => {
    if (session === undefined) return
    const { story, wire, canary } = session
    const token = `${canary} ${(calls += 1)}`
    const name = chances.pick(tools)
    const params = { name, arguments: { canary, token, ms: chances.upTo(600) } }
    const ending = await wire.request({ jsonrpc: '2.0', id: token, method: 'tools/call', params })
    judge(ending, { story, canary, token, name })
  }

  interface Asked {
    story: Story
    canary: string
    token: string
    name: string
  }

  const judge = (ending: Ending, asked: Asked): void => {
    const { story, canary, token, name } = asked
    if (ending.kind === 'late') {
      const where = `${name} of ${server}, ${story.handle}`
      if (unsaid.delete(token)) tally.tell('cut', 'the answer to a question was not taken')
      else tally.tell('HUNG', `${where}: ${ending.story}`)
    } else if (ending.kind === 'failed') {
      const { status, words, message } = ending
      if (status === 0) tally.tell('cut', words)
      else if (status === 404) {
        tally.tell('session gone')
        if (session?.story === story) forget(reasonIn(message) ?? 'unsaid')
      } else if (message?.error === undefined) tally.tell('WRONG', `no JSON-RPC error: ${words}`)
      else tally.tell('refused', words)
    } else if (ending.message.error !== undefined) {
      tally.tell('failed by the gateway', ending.message.error.message)
    } else {
      const wrong = wrongIn(saidIn(ending.message), { session: story.id, canary, token }, name)
      const where = `${name} of ${server}, ${story.handle}`
      if (wrong !== undefined) tally.tell('WRONG', `${where}: ${wrong}`)
      else tally.tell(ending.wasResumed ? 'resumed' : 'answered')
    }
  }

  const remove = async (): Promise<void> => {
    if (session === undefined) return
    const { story, wire } = session
    story.deleted = true
    const statuses = await Promise.all(
      Array.from({ length: 1 + chances.upTo(2) }, () => wire.remove()),
    )
    if (statuses.some((status) => status === 200 || status === 404)) forget('client-deleted')
  }

  const live = async (): Promise<void> => {
    while (!stop.aborted) {
      if (session === undefined) await open()
      else if (chances.upTo(60) === 0) await remove()
      else await Promise.all(Array.from({ length: 1 + Number(chances.upTo(4) === 0) }, call))
      await sleep(chances.upTo(pauseMs), undefined, { signal: stop }).catch(() => undefined)
    }
  }

  return {
    server,
    done: live(),
    current: () => session?.story,
    call,
    close: () => session?.wire.close(),
  }
}

const saidIn = ({ result }: RpcMessage): Said => {
  const [content] = (result as { content?: { text?: string }[] }).content ?? []
  return JSON.parse(content?.text ?? '{}') as Said
}

function wrongIn(said: Said, expected: Required<Omit<Said, 'answer'>>, name: string) {
  if (said.session !== expected.session) return 'an answer of another session'
  if (said.token !== expected.token) return 'an answer to another call'
  if (said.canary !== expected.canary) return 'its memory is not of this session'
  if (name === 'ask' && said.answer !== `${expected.canary} ${expected.token}`) {
    return `the answer to another question: ${said.answer}`
  }
  return undefined
}

function reasonIn(message: RpcMessage | undefined): string | undefined {
  const data = message?.error?.data as { reason?: string } | undefined
  return data?.reason
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
}
