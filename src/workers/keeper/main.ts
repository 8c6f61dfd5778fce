import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'

import { systemClock } from '../../clock.ts'
import type { KeeperBoot, KeeperSpec } from './protocol.ts'
import { nonceHeader } from './protocol.ts'
import { createRelay } from './relay.ts'
import type { ServerProcess } from './server-process.ts'
import { startServerProcess } from './server-process.ts'
import { createStdioFace } from './stdio-face.ts'

/**
 * The keeper: the small process beside each local worker (as containerd's shim). It imports
 * nothing heavy, because there is one for every session.
 */
type Handler = (request: IncomingMessage, response: ServerResponse) => void

let boot: KeeperBoot | undefined
let server: ServerProcess | undefined
let toServer: Handler = (_request, response) => answer(response, 503)
let ending: Promise<void> | undefined

readBoot((line) => {
  const booted = JSON.parse(line) as KeeperBoot
  boot = booted
  const nonce = Buffer.from(booted.nonce)
  const http = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
  http.on('request', (request, response) => {
    const given = Buffer.from(String(request.headers[nonceHeader] ?? ''))
    if (given.length !== nonce.length || !timingSafeEqual(given, nonce)) answer(response, 403)
    else if (request.url?.startsWith('/keeper/') === true) control(request, response)
    else toServer(request, response)
  })
  process.umask(0o077)
  http.listen(booted.socketPath, () => process.stdout.write('listening\n'))
})

// Whoever asks the keeper to end means the worker: it may be found in a process list and killed.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => void end(5000))
}
// The gateway may be gone while it still waits for a line; that must not end the keeper.
process.stdout.on('error', () => undefined)

function control(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://keeper')
  switch (`${request.method ?? ''} ${url.pathname}`) {
    case 'POST /keeper/start':
      readBody(request, (body) => void start(JSON.parse(body) as KeeperSpec, response))
      return
    case 'GET /keeper/watch':
      response.writeHead(200, { 'content-type': 'application/json' })
      response.flushHeaders()
      void server?.exited.then((exit) => response.end(JSON.stringify(exit)))
      return
    case 'POST /keeper/stop':
      void end(Number(url.searchParams.get('graceMs') ?? 0), () => answer(response, 204))
      return
    case 'GET /keeper/lines':
      answer(response, 200, server?.lastLines() ?? [])
      return
    default:
      answer(response, 404)
  }
}

async function start(spec: KeeperSpec, response: ServerResponse): Promise<void> {
  if (server !== undefined || boot === undefined) {
    answer(response, 409)
    return
  }
  const face =
    spec.transport === 'stdio'
      ? createStdioFace({
          sessionId: spec.workerId,
          clock: systemClock,
          toServer: (line) => started.send(line),
          onGarbage: (line) => started.note(line),
        })
      : undefined
  const started = startServerProcess({
    spec,
    ownPidNamespace: boot.ownPidNamespace,
    onLine: (line) => face?.fromServer(line),
  })
  server = started
  void started.exited.then((exit) => {
    face?.serverEnded(exit.how)
    // A moment for the last answers to leave; then nothing of the tree may stay.
    setTimeout(() => void end(0), 20)
  })

  const outcome = await started.ready
  if (!outcome.ok) {
    answer(response, 502, outcome.failure)
    return
  }
  const { address } = outcome.started
  if (face !== undefined) toServer = (req, res) => face.handle(req, res)
  else if (spec.relay && address !== null) toServer = createRelay(address, spec.port ?? 0)
  answer(response, 200, outcome.started)
}

/** Ends the tree, and then the keeper: asked first, killed after `graceMs`. The first call wins. */
function end(graceMs: number, onGone: () => void = () => undefined): Promise<void> {
  ending ??= (async () => {
    if (server !== undefined) {
      server.ask()
      await server.gone(graceMs)
      await server.kill()
      await server.gone(1000)
    }
    setTimeout(() => process.exit(0), 20)
  })()
  return ending.then(onGone)
}

function answer(response: ServerResponse, statusCode: number, body?: unknown): void {
  if (response.headersSent) return
  response.writeHead(statusCode, { 'content-type': 'application/json' })
  response.end(body === undefined ? '' : JSON.stringify(body))
}

function readBody(request: IncomingMessage, onBody: (body: string) => void): void {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => (body += chunk))
  request.on('end', () => onBody(body))
}

/** The first line of stdin; what matters afterwards is its end. */
function readBoot(onLine: (line: string) => void): void {
  let text = ''
  let booted = false
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', (chunk: string) => {
    if (booted) return
    text += chunk
    const at = text.indexOf('\n')
    if (at === -1) return
    booted = true
    onLine(text.slice(0, at))
  })
  process.stdin.on('end', () => {
    if (boot === undefined || boot.endsWithGateway) void end(0)
  })
}
