import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Rpc {
  id?: number
  method?: string
  result?: unknown
  error?: { code: number; message: string }
}
export interface Stream {
  event(message: unknown, id?: string): void
  end(text?: string): void
}
export interface Script {
  /** Answers tools/call, on a stream that is open. */
  call(stream: Stream, id: number): void
  get?(request: IncomingMessage, response: ServerResponse): void
  answer?(message: Rpc): void
}

/** A real HTTP server that speaks just enough MCP to misbehave at the right moment. */
export async function startVicious(t: TestContext, script: Script): Promise<URL> {
  const server = createServer((request, response) => {
    if (request.method !== 'POST') {
      if (script.get && request.headers['last-event-id']) script.get(request, response)
      else response.writeHead(405).end()
      return
    }
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const message = JSON.parse(body) as Rpc
      if (message.method === 'initialize') {
        response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' })
        const serverInfo = { name: 'vicious', version: '1' }
        const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
      } else if (message.method === 'tools/list') {
        response.writeHead(200, { 'content-type': 'application/json' })
        const result = { tools: [{ name: 'x', inputSchema: { type: 'object' } }] }
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
      } else if (message.method === 'tools/call') {
        script.call(streamOf(response), message.id ?? 0)
      } else {
        if (message.method === undefined) script.answer?.(message)
        response.writeHead(202).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
}

export function streamOf(response: ServerResponse): Stream {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  const event = (message: unknown, id?: string): void => {
    const data =
      message === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', ...(message as object) })
    response.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`)
  }
  return { event, end: (text = '') => response.end(text) }
}
