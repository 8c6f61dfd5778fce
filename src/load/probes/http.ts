import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { RpcMessage } from '../../ground/jsonrpc.ts'
import { kindOf } from '../../ground/jsonrpc.ts'
import type { Probe } from './probe.ts'
import { createProbe } from './probe.ts'

interface Session {
  probe: Probe
  stream: ServerResponse | undefined
}

const eventOf = (message: object): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`

/** The probe over Streamable HTTP, on 127.0.0.1 (port 0: a free one, named on stderr). All its sessions share this process. */
export function serveProbeOverHttp(port: number): void {
  const sessions = new Map<string, Session>()

  const open = (response: ServerResponse): Session => {
    const id = randomUUID()
    const session: Session = {
      probe: createProbe((message) => void session.stream?.write(eventOf(message))),
      stream: undefined,
    }
    sessions.set(id, session)
    response.setHeader('mcp-session-id', id)
    return session
  }

  const post = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    request.setEncoding('utf8')
    for await (const chunk of request) body += String(chunk)
    const message = JSON.parse(body) as RpcMessage
    const known = sessions.get(String(request.headers['mcp-session-id']))
    const session = known ?? (message.method === 'initialize' ? open(response) : undefined)
    const kind = kindOf(message)
    if (session === undefined) {
      response.writeHead(404).end()
    } else if (kind === 'request') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const answer = await session.probe.handle(
        message,
        (said) => void response.write(eventOf(said)),
      )
      response.end(eventOf(answer))
    } else {
      if (kind === 'response') session.probe.settle(message)
      response.writeHead(202).end()
    }
  }

  const server = createServer((request, response) => {
    const id = String(request.headers['mcp-session-id'])
    const session = sessions.get(id)
    if (request.headers.origin !== undefined) {
      // A page in a browser has no business here.
      response.writeHead(403).end()
    } else if (request.method === 'POST') {
      post(request, response).catch(() => response.destroy())
    } else if (session === undefined) {
      response.writeHead(404).end()
    } else if (request.method === 'GET') {
      session.stream = response
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
    } else {
      sessions.delete(id)
      session.stream?.end()
      response.writeHead(200).end()
    }
  })
  server.listen(port, '127.0.0.1', () => {
    const { port: listensOn } = server.address() as AddressInfo
    process.stderr.write(`isolation-probe listens on http://127.0.0.1:${listensOn}/mcp\n`)
  })
}
