import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { kindOf } from '../../ground/jsonrpc.ts'
import type { RpcMessage } from '../../ground/jsonrpc.ts'
import type { Flaw } from './flaws.ts'
import { createFlaw } from './flaws.ts'
import type { ToySession } from './session.ts'
import { runTool, talks, toolList } from './worker.ts'

export interface ToyGateway {
  url: string
  close(): Promise<void>
}

/**
 * A gateway with its workers in one process, for the detector to be tested on: it isolates its
 * sessions well, but for the one flaw that it is given.
 */
export async function startToyGateway(name: Flaw): Promise<ToyGateway> {
  const sessions = new Map<string, ToySession>()
  const flaw = createFlaw(name, sessions)
  let asked = 0

  const find = ({ headers }: IncomingMessage): ToySession | undefined => {
    const session = sessions.get(String(headers['mcp-session-id']))
    return session && flaw.isFor(session, headers.authorization) ? session : undefined
  }

  const refuse = ({ headers }: IncomingMessage, response: ServerResponse): void => {
    const isThere = sessions.has(String(headers['mcp-session-id']))
    response.writeHead(flaw.refusalOf(isThere)).end()
  }

  const open = (owner: string | undefined, response: ServerResponse, message: RpcMessage): void => {
    const session: ToySession = {
      id: randomUUID(),
      owner,
      worker: flaw.workerFor(),
      stream: undefined,
      answers: new Map(),
    }
    sessions.set(session.id, session)
    response.setHeader('mcp-session-id', session.id)
    const result = {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {}, logging: {} },
      serverInfo: { name: 'toy', version: '1' },
    }
    sendJson(response, { jsonrpc: '2.0', id: message.id, result })
  }

  const call = async (
    session: ToySession,
    message: RpcMessage,
    response: ServerResponse,
  ): Promise<void> => {
    if (message.method === 'tools/list') {
      sendJson(response, { jsonrpc: '2.0', id: message.id, result: { tools: toolList } })
      return
    }
    const isStream = talks.has(String(message.params?.['name']))
    if (isStream) response.writeHead(200, { 'content-type': 'text/event-stream' })
    const tell = (said: object): void => void response.write(eventOf(said))
    const text = await runTool(session.worker, message, {
      tell,
      announce: (said) => void flaw.streamFor(session)?.write(eventOf(said)),
      ask(method, params) {
        const id = `q${(asked += 1)}`
        tell({ jsonrpc: '2.0', id, method, params })
        return new Promise((resolve) => session.answers.set(id, resolve))
      },
    })
    flaw.called(session.worker)
    const answer =
      text === undefined
        ? { error: { code: -32602, message: 'no such tool' } }
        : { result: { content: [{ type: 'text', text }] } }
    const said = { jsonrpc: '2.0', id: message.id, ...answer }
    if (isStream) response.end(eventOf(said))
    else sendJson(response, said)
  }

  const post = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    request.setEncoding('utf8')
    for await (const chunk of request) body += String(chunk)
    const message = JSON.parse(body) as RpcMessage
    const session = find(request)
    if (message.method === 'initialize') {
      open(request.headers.authorization, response, message)
    } else if (session === undefined) {
      refuse(request, response)
    } else if (kindOf(message) === 'request') {
      await call(session, message, response)
    } else {
      session.answers.get(String(message.id))?.(message.result)
      response.writeHead(202).end()
    }
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const session = find(request)
    if (request.method === 'POST') {
      post(request, response).catch(() => response.destroy())
    } else if (session === undefined) {
      refuse(request, response)
    } else if (request.method === 'GET') {
      session.stream = response
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
    } else {
      sessions.delete(session.id)
      session.stream?.end()
      flaw.closed(session.worker)
      response.writeHead(200).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const eventOf = (message: object): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`

function sendJson(response: ServerResponse, message: object): void {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(message))
}
