import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'

import { messageOf } from '../ground/errors.ts'

/**
 * Runs this process as an MCP server: over stdio, or with `--http` over Streamable HTTP on
 * 127.0.0.1, port `--port` or `$PORT` (0 or neither: a free one, named on stderr). It ends on
 * SIGTERM and SIGINT, and over stdio when stdin ends.
 */
export async function serveMcp(name: string, create: () => McpServer): Promise<void> {
  const options = readOptions(name)
  const stop = (): void => process.exit(0)
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  if (options.http) {
    const port = await listen(create, options.port)
    process.stderr.write(`${name} listens on http://127.0.0.1:${port}/mcp\n`)
    return
  }
  process.stdin.once('end', stop)
  await create().connect(new StdioServerTransport())
}

function readOptions(name: string): { http: boolean; port: number } {
  try {
    const { values } = parseArgs({
      options: { http: { type: 'boolean', default: false }, port: { type: 'string' } },
    })
    const given = values.port ?? process.env['PORT'] ?? '0'
    const port = Number(given)
    if (!/^\d+$/.test(given) || port > 65535) throw new Error(`${given} is not a port`)
    return { http: values.http, port }
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\nusage: ${name} [--http [--port N]]\n`)
    process.exit(2)
  }
}

async function listen(create: () => McpServer, port: number): Promise<number> {
  const handle = createSessions(create)
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      process.stderr.write(`${messageOf(error)}\n`)
      if (response.headersSent) response.destroy()
      else refuse(response, 500, -32603, 'The server failed.')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function createSessions(create: () => McpServer): Handle {
  const sessions = new Map<string, StreamableHTTPServerTransport>()

  // Whoever posts without an id may be about to initialize; the transport refuses everything else.
  const openSession: Handle = async (request, response) => {
    const server = create()
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    await server.connect(transport)
    await transport.handleRequest(request, response)
    if (transport.sessionId === undefined) await server.close()
  }

  return async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const id = request.headers['mcp-session-id']
    const session = sessions.get(String(id))
    if (!isFromHere(request.headers.origin)) {
      refuse(response, 403, -32000, 'Forbidden: the Origin is not this machine.')
    } else if (pathname !== '/mcp') {
      refuse(response, 404, -32000, 'MCP is at /mcp.')
    } else if (session) {
      await session.handleRequest(request, response)
    } else if (id !== undefined) {
      refuse(response, 404, -32001, 'Session not found')
    } else if (request.method === 'POST') {
      await openSession(request, response)
    } else {
      const isKnown = request.method === 'GET' || request.method === 'DELETE'
      refuse(response, isKnown ? 400 : 405, -32000, 'Bad Request: Mcp-Session-Id is missing.')
    }
  }
}

/** A page of some site may not talk to a server on loopback (DNS rebinding). */
function isFromHere(origin: string | undefined): boolean {
  if (origin === undefined) return true
  return /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)
}

function refuse(response: ServerResponse, status: number, code: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } }))
}
