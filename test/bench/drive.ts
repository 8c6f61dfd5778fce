import { Client } from 'undici'
import { initializeMessage } from './client.ts'
import type { Arguments } from './worker.ts'

/**
 * The client of the contests: a process of its own, whose processor time nobody counts, with one
 * connection for each session and one call at a time on it. It does what it is asked over its IPC
 * channel, and ends with it.
 */
export type Ask =
  /** Opens a session at each of the URLs. @returns a group */
  | { op: 'open'; urls: string[] }
  /** Calls, by the first sessions of a group, until there were so many in all. */
  | { op: 'call'; group: number; sessions: number; calls: number; args: Arguments }
  /** Opens the stream of a GET for each session. */
  | { op: 'listen'; group: number }
  /** Ends the sessions. */
  | { op: 'close'; group: number }

export interface Called {
  tookUs: number
  latenciesUs: number[]
}

interface Session {
  client: Client
  /** For the stream of its GET, where it has one. */
  listener: Client | undefined
  origin: string
  path: string
  id: string
}

const groups: Session[][] = []
const openAtOnce = 4
let lastId = 0

const headersOf = ({ id }: Session): Record<string, string> => ({
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
  ...(id === '' ? {} : { 'mcp-session-id': id }),
})

function post(session: Session, message: object) {
  return session.client.request({
    path: session.path,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headersOf(session) },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
}

function dial(origin: string): Client {
  return new Client(origin, { keepAliveTimeout: 600_000, headersTimeout: 0, bodyTimeout: 0 })
}

async function open(url: string): Promise<Session> {
  const { origin, pathname } = new URL(url)
  const session: Session = {
    client: dial(origin),
    listener: undefined,
    origin,
    path: pathname,
    id: '',
  }
  const { statusCode, headers, body } = await post(session, initializeMessage)
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`initialize: ${statusCode} ${text}`)
  session.id = String(headers['mcp-session-id'] ?? '')
  const announced = await post(session, { method: 'notifications/initialized' })
  await announced.body.dump()
  return session
}

/** Does something with each, a few at a time, and keeps their order. */
async function withEach<T, R>(items: T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as T)
  }
  await Promise.all(Array.from({ length: openAtOnce }, lane))
  return results
}

async function call(session: Session, args: Arguments): Promise<void> {
  const id = (lastId += 1)
  const params = { name: 'echo', arguments: args, _meta: { progressToken: id } }
  const message = { id, method: 'tools/call', params }
  const { statusCode, body } = await post(session, message)
  const text = await body.text()
  const { events = 0 } = args
  const isComplete = text.split('"method":"notifications/progress"').length - 1 === events
  // A call that was not answered with its result would be measured as a fast one.
  if (statusCode !== 200 || !text.includes(`"id":${id},"result":`) || !isComplete) {
    throw new Error(`call: ${statusCode} ${text.slice(-300)}`)
  }
}

async function callTogether(
  sessions: Session[],
  { calls, args }: Pick<Extract<Ask, { op: 'call' }>, 'calls' | 'args'>,
): Promise<Called> {
  const latenciesUs: number[] = []
  let left = calls
  const startedMs = performance.now()
  await Promise.all(
    sessions.map(async (session) => {
      while (left > 0) {
        left -= 1
        const fromMs = performance.now()
        await call(session, args)
        latenciesUs.push((performance.now() - fromMs) * 1000)
      }
    }),
  )
  return { tookUs: (performance.now() - startedMs) * 1000, latenciesUs }
}

async function listen(session: Session): Promise<void> {
  session.listener = dial(session.origin)
  const { statusCode, body } = await session.listener.request({
    path: session.path,
    method: 'GET',
    headers: headersOf(session),
  })
  body.on('error', () => undefined).resume()
  if (statusCode !== 200) throw new Error(`GET: ${statusCode}`)
}

async function close(session: Session): Promise<void> {
  await session.listener?.destroy()
  const { path } = session
  const ended = await session.client.request({
    path,
    method: 'DELETE',
    headers: headersOf(session),
  })
  await ended.body.dump()
  await session.client.destroy()
}

async function answer(ask: Ask): Promise<number | Called | undefined> {
  if (ask.op === 'open') return groups.push(await withEach(ask.urls, open)) - 1
  const sessions = groups[ask.group] ?? []
  if (ask.op === 'call') return callTogether(sessions.slice(0, ask.sessions), ask)
  await withEach(sessions, ask.op === 'listen' ? listen : close)
  return undefined
}

process.on('message', (ask: Ask) => {
  answer(ask).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
// Ctrl-C goes to all of them; the one that asks ends this one when all else has ended.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit())
