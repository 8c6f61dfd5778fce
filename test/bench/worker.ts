import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/**
 * The smallest MCP server there can be, over stdio or HTTP on $PORT, so that what is measured is
 * what stands in front of it. `tools/call` echoes: as JSON with its length, or `as: chunked`, or
 * `as: sse`, where head, event and end are written one after the other, as SDK servers do whose
 * tool waits for something. With `events: N` N progress events come first, `burst` (default 10) in
 * one go, and the next ones after `pauseMs` or as soon as it can.
 */
interface Message {
  id?: number | string
  method?: string
  params?: {
    protocolVersion?: string
    arguments?: Arguments
    _meta?: { progressToken?: number }
  }
}

/** How a worker answers a call over HTTP. */
export type AnswerKind = 'length' | 'chunked' | 'sse'

/** What a call of the worker may ask for. */
export interface Arguments {
  text?: string
  as?: AnswerKind
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

const listed = { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }

const called = (message: Message): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    result:
      message.method === 'tools/list'
        ? listed
        : { content: [{ type: 'text', text: message.params?.arguments?.text ?? 'ok' }] },
  })

function progress(at: number, { params }: Message): string {
  const total = params?.arguments?.events ?? 0
  const progressToken = params?._meta?.progressToken ?? 1
  return JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken, progress: at, total, message: `step ${at} of ${total}` },
  })
}

/** Of its own, so that a proxy can tell workers apart: nginx is told beforehand. */
const sessionId = `bench-${process.env.PORT}`

if (process.env.PORT === undefined) serveStdio()
else serveHttp(Number(process.env.PORT))

function serveStdio(): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line) as Message
    if (message.method === 'initialize') process.stdout.write(`${initialized(message)}\n`)
    else if (message.id !== undefined) void answerStdio(message)
  })
}

async function answerStdio(message: Message): Promise<void> {
  await eachEvent(message, (text) => process.stdout.write(`${text}\n`))
  process.stdout.write(`${called(message)}\n`)
}

/** As a busy server writes: some events in one go, but each is a write of its own. */
async function eachEvent(message: Message, write: (text: string) => void): Promise<void> {
  const { events = 0, burst = 10, pauseMs } = message.params?.arguments ?? {}
  for (let at = 1; at <= events; at += 1) {
    write(progress(at, message))
    if (at % burst !== 0) continue
    await (pauseMs === undefined ? nextTurn() : sleep(pauseMs))
  }
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
  const { events = 0, as = events > 0 ? 'sse' : 'length' } = message.params?.arguments ?? {}
  if (message.id === undefined) {
    response.writeHead(202).end()
  } else if (message.method === 'initialize') {
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': sessionId })
    response.end(initialized(message))
  } else if (as === 'sse') {
    void stream(response, message)
  } else {
    response.writeHead(200, { 'content-type': 'application/json' })
    // What is written before the end has no length of which the head could speak.
    if (as === 'chunked') response.write(called(message))
    response.end(as === 'chunked' ? undefined : called(message))
  }
}

async function stream(response: ServerResponse, message: Message): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  await nextTurn()
  await eachEvent(message, (text) => response.write(`event: message\ndata: ${text}\n\n`))
  response.write(`event: message\ndata: ${called(message)}\n\n`)
  await nextTurn()
  response.end()
}
