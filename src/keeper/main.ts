import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { setFlagsFromString } from 'node:v8'

import { removeFile } from '../ground/removal.ts'
import { systemClock } from '../ground/clock.ts'
import { messageOf } from '../ground/errors.ts'
import {
  faultFrames,
  faultText,
  guarded,
  inBackground,
  onFaults,
  tellFault,
} from '../ground/guarded.ts'
import { installLastResort } from '../ground/last-resort.ts'
import { fromGateway, readBoot } from './boot.ts'
import { createCompany } from './company.ts'
import { answer, readBody, refuse, send } from './control-replies.ts'
import { closeInherited } from './inherited.ts'
import { createOutbox } from './outbox.ts'
import type { KeeperBoot, KeeperFailure, KeeperSpec, Outliving } from './protocol.ts'
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

/** How long the reader of a server's last answers may take … */
const readingMs = 5000
/** … and how long after a stop, when hardly anybody reads them any more. */
const leavingMs = 1000
/** What a server gets to end by itself that nobody can understand … */
const hopelessMs = 1000
/** … and any other when nobody says how long. */
const graceMs = 5000
// There is a keeper for every session: under load its heap would grow by tens of MB for good.
const garbledAdvice =
  'It writes to stdout what is no JSON-RPC message. Such lines are skipped, and mcp-berth logs shows them; let it log to stderr.'
setFlagsFromString('--semi-space-growth-factor=1')
closeInherited()
const outbox = createOutbox()
const company = createCompany(systemClock)

/** Less than any client waits for a head. */
const undecidedInOneGatewayMs = 5000
/** Its log is that of all keepers, where the gateway has put its stderr. */
const log = (what: string): boolean => process.stderr.write(`keeper ${process.pid}: ${what}\n`)
const tell = (thrown: unknown, where: string): boolean =>
  log([`${where}: ${faultText(thrown)}`, ...faultFrames(thrown)].join('\n    '))
process.stderr.on('error', () => undefined)
onFaults(({ where, thrown }) => tell(thrown, where))
const onFault = tellFault('keeping a server')

let boot: KeeperBoot | undefined
let server: ServerProcess | undefined
let toServer: Handler = (_request, response) => answer(response, 503)
let ending: Promise<void> | undefined
let isOnItsOwn = false
/** The last that a gateway has left, as JSON. */
let note: string | undefined
/** What an operator should know of a server that has begun to write. */
const advice = createAdvice()

const onGone = (): void => {
  if (!isOnItsOwn) endSoon(0)
}
readBoot(onGone, (line) => {
  const booted = fromGateway(line) as KeeperBoot
  boot = booted
  const nonce = Buffer.from(booted.nonce)
  const http = createServer({
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 0,
    // What the gateway lets in, and its own beside that.
    maxHeaderSize: 160 * 1024,
  })
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    outbox.add(response)
    // What is written to a connection that has gone is reported here, and 'close' has dealt with it.
    response.on('error', () => undefined)
    const given = Buffer.from(String(request.headers[nonceHeader] ?? ''))
    if (given.length !== nonce.length || !timingSafeEqual(given, nonce)) answer(response, 403)
    else if (request.url?.startsWith('/keeper/') === true) control(request, response)
    else toServer(request, response)
  }
  http.on('request', (request, response) => {
    // Only this request is lost.
    guarded(serve, (thrown) => {
      onFault(thrown)
      refuse(response)
    })(request, response)
  })
  const umask = process.umask(0o077)
  http.listen(booted.socketPath, () => process.stdout.write('listening\n'))
  // The socket is there by now, and the server has to find what the gateway was started with.
  process.umask(umask)
})

// Whoever asks the keeper to end means the worker: it may be found in a process list and killed.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => endSoon(graceMs))
}
// The gateway may be gone while it still waits for a line; that must not end the keeper.
process.stdout.on('error', () => undefined)

function control(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://keeper')
  switch (`${request.method ?? ''} ${url.pathname}`) {
    case 'POST /keeper/start':
      readBody(request, response, (body) => start(fromGateway(body) as KeeperSpec, response))
      return
    case 'GET /keeper/watch':
      watch(response)
      return
    case 'POST /keeper/stop':
      inBackground(
        end(Number(url.searchParams.get('graceMs') ?? 0)).then(() => answer(response, 204)),
        onFault,
      )
      return
    case 'GET /keeper/lines':
      answer(response, 200, server?.lastLines() ?? [])
      return
    case 'GET /keeper/usage':
      answer(response, 200, server?.usage() ?? {})
      return
    case 'GET /keeper/advice':
      inBackground(
        advice.given.then((text) => {
          if (text === undefined) answer(response, 204)
          else answer(response, 200, text)
        }),
        onFault,
      )
      return
    case 'PUT /keeper/note':
      readBody(request, response, (body) => {
        note = body
        answer(response, 204)
      })
      return
    case 'GET /keeper/note':
      if (note === undefined) answer(response, 204)
      else send(response, 200, note)
      return
    default:
      answer(response, 404)
  }
}

function watch(response: ServerResponse): void {
  if (server === undefined) {
    answer(response, 409)
    return
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  company.add(response)
  inBackground(
    server.exited.then((exit) => response.end(JSON.stringify(exit))),
    onFault,
  )
}

async function start(spec: KeeperSpec, response: ServerResponse): Promise<void> {
  // A start that was called off may come after the order to stop.
  if (server !== undefined || boot === undefined || ending !== undefined) {
    answer(response, 409)
    return
  }
  const face =
    spec.transport === 'stdio'
      ? createStdioFace({
          sessionId: spec.workerId,
          clock: systemClock,
          // An answer that moves to another gateway has to be a stream, and soon.
          ...(spec.outlives === undefined ? { undecidedMs: undecidedInOneGatewayMs } : {}),
          toServer: (line) => server?.send(line) === true,
          onGarbage: (line) => server?.note(line),
          beginning: {
            unfinished: () => server?.unfinished() ?? '',
            onGarbled: () => advice.give(garbledAdvice),
            onClear: () => advice.give(undefined),
            onHopeless: (why) => endSoon(hopelessMs, readingMs, why),
          },
        })
      : undefined
  const beganAtMs = systemClock.now()
  try {
    server = startServerProcess({
      spec,
      ownPidNamespace: boot.ownPidNamespace,
      onLine: (line) => face?.fromServer(line),
    })
  } catch (thrown) {
    // Its folder is gone, or the disk is full.
    answer(response, 502, keeperFailure(messageOf(thrown)))
    endSoon(0)
    return
  }
  // Before there is a server, whoever starts it is told best by the end of this process.
  installLastResort(process, {
    now: Date.now,
    tell,
    giveUp(why) {
      log(why)
      endSoon(0)
    },
  })
  const ended = server.exited.then((exit) => {
    endSoon(0, readingMs)
    advice.give(undefined)
    face?.serverEnded(exit.how, exit.oom)
  })
  inBackground(ended, onFault)

  const outcome = await server.ready
  if (!outcome.ok) {
    answer(response, 502, outcome.failure)
    return
  }
  if (spec.outlives !== undefined) liveOn(spec.outlives, systemClock.now() - beganAtMs)
  const { address } = outcome.started
  if (face !== undefined) toServer = (req, res) => face.handle(req, res)
  else if (spec.relay && address !== null) {
    toServer = createRelay(address, spec.port ?? 0, {
      isPlain: spec.isPlain === true,
      onBytes: (count) => server?.spent(count),
    })
  }
  answer(response, 200, outcome.started)
}

/** From now on the end of a gateway is not the end of this worker. */
function liveOn({ maxMs, orphanMs }: Outliving, startMs: number): void {
  isOnItsOwn = true
  systemClock.after(maxMs - startMs, () => endSoon(graceMs, leavingMs, 'maxLifetime was over'))
  company.onMissed(orphanMs, () => {
    endSoon(graceMs, leavingMs, `no gateway came for ${Math.round(orphanMs / 1000)} s`)
  })
}

function keeperFailure(why: string): KeeperFailure {
  const code = 'ERR_WORKERS_KEEPER'
  return { code, params: { why }, exitCode: null, signal: null, lastLines: [] }
}

/** Ends the tree, and then the keeper: asked first, killed after `afterMs`. The first call wins. */
function end(afterMs: number, lastMs = leavingMs, why?: string): Promise<void> {
  ending ??= endTree(afterMs, why)
    .catch((thrown: unknown) => {
      onFault(thrown)
      return false
    })
    .then((isGone) => inBackground(leave(isGone, lastMs), () => process.exit(1)))
  return ending
}

function endSoon(...how: Parameters<typeof end>): void {
  inBackground(end(...how), onFault)
}

/** @returns whether nothing of it is left */
async function endTree(afterMs: number, why?: string): Promise<boolean> {
  if (server === undefined) return true
  server.ask(why)
  if (await server.gone(afterMs)) return true
  await server.kill()
  return server.gone(1000)
}

/** The exit code tells the gateway whether it has to look for what is left. */
async function leave(isGone: boolean, lastMs: number): Promise<void> {
  await outbox.emptied(lastMs)
  // There may be no gateway any more to do it.
  if (boot !== undefined) removeFile(boot.socketPath)
  process.exit(isGone ? 0 : 1)
}

interface Advice {
  readonly given: Promise<string | undefined>
  /** The first call counts. */
  give(text: string | undefined): void
}

function createAdvice(): Advice {
  let give: Advice['give'] = () => undefined
  const given = new Promise<string | undefined>((resolve) => (give = resolve))
  return { given, give }
}
