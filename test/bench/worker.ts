import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/**
 * The smallest MCP server there can be, over stdio or HTTP on $PORT, so that what is measured is
 * what stands in front of it. `tools/call` echoes; with `events: N` N progress events come first,
 * `burst` (default 10) in one go, and the next ones after `pauseMs` or as soon as it can.
 */
interface Message {
  id?: number | string
  method?: string
  params?: { protocolVersion?: string; arguments?: Arguments }
}

interface Arguments {
  text?: string
  events?: number
  burst?: number
  pauseMs?: number
}

const initialized = (message: Message): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    result: {
      protocolVersion: message.params?.protocolVersion ?? '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'bench', version: '1' },
    },
  })

const called = (message: Message): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    result: { content: [{ type: 'text', text: message.params?.arguments?.text ?? 'ok' }] },
  })

const progress = (at: number, total: number): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: at, total, message: `step ${at} of ${total}` },
  })

if (process.env.PORT === undefined) serveStdio()
else serveHttp(Number(process.env.PORT))

function serveStdio(): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line) as Message
    if (message.method === 'initialize') process.stdout.write(`${initialized(message)}\n`)
    else if (message.id !== undefined) process.stdout.write(`${called(message)}\n`)
  })
}

function serveHttp(port: number): void {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(request, response, Buffer.concat(chunks)))
  })
  server.listen(port, '127.0.0.1', () => process.stdout.write('listening\n'))
}

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  if (request.method === 'DELETE') {
    response.end()
    return
  }
  const message = JSON.parse(body.toString()) as Message
  const { events = 0 } = message.params?.arguments ?? {}
  if (message.id === undefined) {
    response.writeHead(202).end()
  } else if (message.method === 'initialize') {
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'bench' })
    response.end(initialized(message))
  } else if (events === 0) {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(called(message))
  } else {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    void stream(response, message)
  }
}

/** As a busy server writes: some events in one go, but each is a write of its own. */
async function stream(response: ServerResponse, message: Message): Promise<void> {
  const { events = 0, burst = 10, pauseMs } = message.params?.arguments ?? {}
  const pause = (): Promise<void> => (pauseMs === undefined ? nextTurn() : sleep(pauseMs))
  for (let at = 1; at <= events; at += 1) {
    response.write(`event: message\ndata: ${progress(at, events)}\n\n`)
    if (at % burst === 0) await pause()
  }
  response.end(`event: message\ndata: ${called(message)}\n\n`)
}
