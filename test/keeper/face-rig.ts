import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

import type { Clock } from '../../src/ground/clock.ts'
import { createStdioFace } from '../../src/keeper/stdio-face.ts'
import type { StdioFace } from '../../src/keeper/stdio-face.ts'
import { bridge } from './framed.ts'

export interface SseEvent {
  id: string
  data: string
}

/** An answer whose head has come. The body is read as it comes. */
export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  /** The whole body, once it has ended. */
  text(): Promise<string>
  /** The next event; undefined when the stream has ended. */
  next(): Promise<SseEvent | undefined>
  /** The messages of all events until the stream ends, without the priming ones. */
  rest(): Promise<unknown[]>
  /** Breaks the connection, and resolves when the face knows. */
  cut(): Promise<void>
}

export interface Rig {
  face: StdioFace
  /** The lines that the server was given. */
  lines: string[]
  garbage: string[]
  /** What the face says of the first words of its server. */
  news: string[]
  /** What the server has written that has no line end yet. */
  unfinished: string
  serverIsDeaf: boolean
  port: number
  /** Resolves when the response to the next request to arrive has closed. */
  nextClose(): Promise<void>
  /** Called with every line that the server is given. */
  onLine: (line: string) => void
  advance(ms: number): void
  post(body: unknown, headers?: Record<string, string>): Promise<Reply>
  get(headers?: Record<string, string>): Promise<Reply>
  send(method: string, headers: Record<string, string>, body?: string): Promise<Reply>
  /** Resolves when the server was given this many lines in all. */
  heard(count: number): Promise<void>
  /** The server writes a message. */
  say(message: object): void
  /** Posts a request, lets its 20 ms pass and returns the stream, priming event read. */
  open(id: number | string, params?: object, method?: string): Promise<Reply>
  /** Opens the session: the server has answered with this version. */
  initialize(version?: string): Promise<void>
}

export const sessionId = 'session-1'

/** A face behind frames, and an HTTP server before them; its stdio server is the test, and so is its clock. */
export async function startFace(t: TestContext): Promise<Rig> {
  const clock = createFakeClock()
  const lines: string[] = []
  const garbage: string[] = []
  const waiters = new Set<() => void>()
  let isPriming = false
  const face = createStdioFace({
    sessionId,
    clock,
    toServer(line) {
      if (rig.serverIsDeaf) return false
      lines.push(line)
      rig.onLine(line)
      for (const wake of waiters) wake()
      return true
    },
    onGarbage: (line) => garbage.push(line),
    beginning: {
      onGarbled: () => rig.news.push('garbled'),
      onClear: () => rig.news.push('clear'),
      onHopeless: (why) => rig.news.push(why),
      unfinished: () => rig.unfinished,
    },
  })
  const closedByPort = new Map<number | undefined, Promise<unknown>>()
  const { handle } = await bridge(t, face, (incoming, closed) => {
    closedByPort.set(incoming.socket.remotePort, closed)
    server.emit('arrived', closed)
  })
  const server = createServer(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo

  const rig: Rig = {
    face,
    lines,
    garbage,
    news: [],
    unfinished: '',
    serverIsDeaf: false,
    port,
    async nextClose() {
      const [closed] = (await once(server, 'arrived')) as [Promise<unknown>]
      await closed
    },
    onLine: () => undefined,
    advance: (ms) => clock.advance(ms),
    send(method, headers, body) {
      const call = request({ port, host: '127.0.0.1', method, headers, agent: false })
      return new Promise((resolve, reject) => {
        call.on('error', reject)
        call.on('response', (incoming) => {
          const gone = closedByPort.get(incoming.socket.localPort)
          resolve(readReply(incoming, () => gone))
        })
        call.end(body)
      })
    },
    post(body, headers) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const accept = 'application/json, text/event-stream'
      return rig.send('POST', { accept, 'mcp-session-id': sessionId, ...headers }, text)
    },
    get: (headers) =>
      rig.send('GET', { accept: 'text/event-stream', 'mcp-session-id': sessionId, ...headers }),
    async heard(count) {
      while (lines.length < count) {
        await new Promise<void>((resolve) => waiters.add(resolve))
      }
    },
    say: (message) => face.fromServer(JSON.stringify({ jsonrpc: '2.0', ...message })),
    async open(id, params = {}, method = 'tools/call') {
      const count = lines.length + 1
      const reply = rig.post({ jsonrpc: '2.0', id, method, params })
      await rig.heard(count)
      clock.advance(20)
      const stream = await reply
      if (isPriming) await stream.next()
      return stream
    },
    async initialize(version = '2025-11-25') {
      const params = { protocolVersion: version, capabilities: {}, clientInfo: {} }
      const reply = rig.post({ jsonrpc: '2.0', id: 'init', method: 'initialize', params })
      await rig.heard(1)
      rig.say({ id: 'init', result: { protocolVersion: version, capabilities: {} } })
      await (await reply).text()
      lines.length = 0
      isPriming = version >= '2025-11-25'
    },
  }
  return rig
}

function readReply(incoming: IncomingMessage, gone: () => Promise<unknown> | undefined): Reply {
  let text = ''
  let hasEnded = false
  let wake = (): void => undefined
  incoming.setEncoding('utf8')
  incoming.on('data', (chunk: string) => {
    text += chunk
    wake()
  })
  incoming.on('error', () => undefined)
  incoming.on('close', () => {
    hasEnded = true
    wake()
  })
  const more = (): Promise<void> => new Promise((resolve) => (wake = resolve))

  const reply: Reply = {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    async text() {
      while (!hasEnded) await more()
      return text
    },
    async next() {
      while (!text.includes('\n\n') && !hasEnded) await more()
      const end = text.indexOf('\n\n')
      if (end < 0) return undefined
      const fields = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string): string =>
        (fields.find((line) => line.startsWith(`${name}: `)) ?? '').slice(name.length + 2)
      return { id: field('id'), data: field('data') }
    },
    async rest() {
      const messages: unknown[] = []
      for (let event = await reply.next(); event; event = await reply.next()) {
        if (event.data !== '') messages.push(JSON.parse(event.data))
      }
      return messages
    },
    async cut() {
      incoming.destroy()
      await gone()
    },
  }
  return reply
}

/** A clock that stands still until it is told how far to go. */
export function createFakeClock(): Clock & { advance(ms: number): void } {
  interface Due {
    atMs: number
    fn: () => void
  }
  const timers = new Set<Due>()
  let now = 1_700_000_000_000
  const after = (ms: number, fn: () => void): { cancel(): void } => {
    const due = { atMs: now + ms, fn }
    timers.add(due)
    return { cancel: () => void timers.delete(due) }
  }
  return {
    now: () => now,
    after,
    every() {
      throw new Error('not needed here')
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.atMs - b.atMs)
        if (next === undefined || next.atMs > end) break
        timers.delete(next)
        now = next.atMs
        next.fn()
      }
      now = end
    },
  }
}

export const messageOf = (event: SseEvent | undefined): unknown =>
  event === undefined ? undefined : JSON.parse(event.data)
