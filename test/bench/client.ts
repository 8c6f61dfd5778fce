import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Owner } from '../support/temp.ts'
import { createAnswer } from './answer.ts'

/**
 * One HTTP/1.1 connection that asks one thing at a time. Next to Node's own client it costs
 * nothing, so that the processors are left to what is measured.
 */
export interface Connection {
  /** Settles when the whole answer is there. */
  ask(request: string): Promise<Reply>
  /** Settles at the head; what comes behind it is let go. */
  open(request: string): Promise<Reply>
  close(): void
}

export interface Reply {
  statusCode: number
  head: string
  text(): string
}

export async function openConnection(owner: Owner, { hostname, port }: URL): Promise<Connection> {
  let socket = await dial()
  let waiting: { settle(reply: Reply): void; fail(error: Error): void; isOpen: boolean } | undefined
  let answer = createAnswer()

  async function dial(): Promise<Socket> {
    const dialled = connect({ host: hostname, port: Number(port), noDelay: true })
    await once(dialled, 'connect')
    owner.after(() => void dialled.destroy())
    dialled.on('data', take)
    const fail = (): void => {
      if (socket === dialled) waiting?.fail(new Error(`${hostname}:${port} closed the connection`))
    }
    return dialled.on('close', fail).on('error', fail)
  }

  function take(chunk: Buffer): void {
    if (waiting === undefined) return
    const isDone = answer.push(chunk)
    if (answer.head === undefined || !(waiting.isOpen || isDone)) return
    const { settle } = waiting
    waiting = undefined
    const { head } = answer
    settle({ statusCode: Number(head.slice(9, 12)), head, text: answer.text })
    answer = createAnswer()
  }

  async function send(request: string, isOpen: boolean): Promise<Reply> {
    // Some servers hang up after a few silent seconds.
    if (socket.destroyed || socket.readableEnded) socket = await dial()
    return new Promise((resolve, reject) => {
      waiting = { settle: resolve, fail: reject, isOpen }
      socket.write(request, 'latin1')
    })
  }
  return {
    ask: (request) => send(request, false),
    open: (request) => send(request, true),
    close: () => void socket.destroy(),
  }
}

/** An MCP session and the requests that go into it. */
export interface Session {
  id: string | undefined
  connection: Connection
  /** The bytes of a call of the bench's worker. */
  call(id: number, args: object): string
  /** One more connection into this session. */
  connect(): Promise<Connection>
  /** Opens the stream of a GET on a connection of its own. */
  listen(): Promise<void>
  remove(): Promise<void>
}

/** Opens a session as clients do: `initialize`, and unless told otherwise the announcement. */
export async function openSession(
  owner: Owner,
  url: string,
  { announce = true, token }: { announce?: boolean; token?: string } = {},
): Promise<Session> {
  const target = new URL(url)
  const connection = await openConnection(owner, target)
  const reply = await connection.ask(postOf(target, initializeMessage, undefined, token))
  if (reply.statusCode !== 200) throw new Error(`initialize: ${reply.head}${reply.text()}`)
  const id = /^mcp-session-id: *(\S+)/im.exec(reply.head)?.[1]
  const announcement = { method: 'notifications/initialized' }
  if (announce) await connection.ask(postOf(target, announcement, id, token))
  const request = (method: 'GET' | 'DELETE'): string =>
    `${headOf(target, method, id, token)}accept: text/event-stream\r\n\r\n`
  return {
    id,
    connection,
    call: (callId, args) =>
      postOf(
        target,
        { id: callId, method: 'tools/call', params: { name: 'echo', arguments: args } },
        id,
        token,
      ),
    connect: () => openConnection(owner, target),
    async listen() {
      const { statusCode } = await (await openConnection(owner, target)).open(request('GET'))
      if (statusCode !== 200) throw new Error(`GET: ${statusCode}`)
    },
    async remove() {
      await connection.ask(request('DELETE'))
      connection.close()
    },
  }
}

/** A call that was not answered with a result would be measured as a fast one. */
export function expectOk(reply: Reply): void {
  if (reply.statusCode !== 200) throw new Error(`${reply.head}${reply.text()}`)
}

export const initializeMessage = {
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
}

export function postOf(target: URL, message: object, sessionId?: string, token?: string): string {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message })
  return `${headOf(target, 'POST', sessionId, token)}content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function headOf(
  { host, pathname }: URL,
  method: string,
  sessionId?: string,
  token?: string,
): string {
  const id = sessionId === undefined ? '' : `mcp-session-id: ${sessionId}\r\n`
  const bearer = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
  return `${method} ${pathname} HTTP/1.1\r\nhost: ${host}\r\nmcp-protocol-version: 2025-11-25\r\n${bearer}${id}`
}
