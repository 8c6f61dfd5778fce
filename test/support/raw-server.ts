import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import { atEnd } from './at-end.ts'
import type { Owner } from './temp.ts'

/** A request as it came: the method, and the message that was POSTed. */
export interface Asked {
  httpMethod: string
  message: { id?: string | number; method?: string; params?: { name?: string } }
  socket: Socket
}

/**
 * A server in this process that may answer anything: what `answer` gives is sent byte for byte. What
 * it gives nothing for is answered as a polite MCP server does.
 *
 * @returns the URL of its endpoint
 */
export async function startRawServer(
  t: Owner,
  answer: (asked: Asked) => string | undefined,
): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (;;) {
        const at = text.indexOf('\r\n\r\n')
        const length = Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0)
        if (at === -1 || text.length < at + 4 + length) return
        const body = text.slice(at + 4, at + 4 + length)
        const asked: Asked = {
          httpMethod: text.slice(0, text.indexOf(' ')),
          message: body === '' ? {} : (JSON.parse(body) as Asked['message']),
          socket,
        }
        text = text.slice(at + 4 + length)
        socket.write(answer(asked) ?? polite(asked), 'latin1')
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

function polite({ httpMethod, message: { id, method } }: Asked): string {
  if (httpMethod === 'GET') return 'HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n'
  if (httpMethod === 'DELETE') return 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
  if (id === undefined) return 'HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n'
  const opened = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: named }
  return jsonAnswer({ jsonrpc: '2.0', id, result: method === 'initialize' ? opened : {} })
}

const named = { name: 'raw', version: '1' }

/** An answer with this body; `head` are further lines of its head. */
export function jsonAnswer(message: unknown, head = ''): string {
  const body = JSON.stringify(message)
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
