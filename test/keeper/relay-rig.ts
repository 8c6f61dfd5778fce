import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

import { createRelay } from '../../src/keeper/relay.ts'
import { rawRequest } from '../support/raw-http.ts'
import type { RawResponse } from '../support/raw-http.ts'

/** A request as it reached the server, which is the test. */
export interface Reached {
  request: IncomingMessage
  response: ServerResponse
}

export interface Reply extends RawResponse {
  /** Breaks the connection, and resolves when the relay knows. */
  cut(): Promise<void>
}

export interface RelayRig {
  /** The next request that reaches the server. */
  reached(): Promise<Reached>
  /** How many have reached it. */
  count(): number
  post(headers?: Record<string, string>): Promise<Reply>
  get(headers?: Record<string, string>): Promise<Reply>
  send(method: string, headers?: Record<string, string>, path?: string): Promise<Reply>
  /** POSTs, and has the server open a stream as its answer. */
  call(headers?: Record<string, string>): Promise<{ reply: Reply; server: ServerResponse }>
  /** The same with a GET. */
  stream(headers?: Record<string, string>): Promise<{ reply: Reply; server: ServerResponse }>
}

export const eventHeaders = { 'content-type': 'text/event-stream', 'mcp-session-id': 's-1' }
export const modern = { 'mcp-protocol-version': '2025-11-25' }
export const old = { 'mcp-protocol-version': '2025-06-18' }

/** A relay behind a real HTTP server, in front of another one. */
export async function startRelay(t: TestContext): Promise<RelayRig> {
  const waiting: Reached[] = []
  let wake = (): void => undefined
  let count = 0
  const upstream = await listen(t, (request, response) => {
    request.resume()
    count += 1
    waiting.push({ request, response })
    wake()
  })
  const relay = createRelay('127.0.0.1', portOf(upstream))
  const responses: ServerResponse[] = []
  const downstream = await listen(t, (request, response) => {
    responses[Number(request.headers['x-number'])] = response
    response.on('error', () => undefined)
    relay(request, response)
  })
  const origin = `http://127.0.0.1:${portOf(downstream)}`
  let sent = 0

  const rig: RelayRig = {
    count: () => count,
    async reached() {
      for (;;) {
        const next = waiting.shift()
        if (next !== undefined) return next
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    async send(method, headers = {}, path = '/mcp') {
      const number = sent
      sent += 1
      const reply = await rawRequest(`${origin}${path}`, {
        method,
        headers: { 'mcp-session-id': 's-1', 'x-number': String(number), ...headers },
        ...(method === 'POST' ? { body: '{}' } : {}),
      })
      const cut = async (): Promise<void> => {
        const closed = once(responses[number]!, 'close')
        reply.abort()
        await closed
      }
      return { ...reply, cut }
    },
    post: (headers) => rig.send('POST', headers),
    get: (headers) => rig.send('GET', headers),
    call: (headers = modern) => opened(rig.post(headers)),
    stream: (headers = modern) => opened(rig.get(headers)),
  }

  async function opened(sending: Promise<Reply>) {
    const { response: server } = await rig.reached()
    server.writeHead(200, eventHeaders).flushHeaders()
    return { reply: await sending, server }
  }

  // The relay answers for a session that it has seen opened.
  const opening = rig.post()
  const { response } = await rig.reached()
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's-1' })
  response.end('{}')
  await (await opening).text()
  return rig
}

async function listen(t: TestContext, listener: RequestListener): Promise<Server> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** An event as a server writes it that gives no ids. */
export const said = (data: string): string => `event: message\ndata: ${data}\n\n`
