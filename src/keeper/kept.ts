import type { IncomingMessage, ServerResponse } from 'node:http'

import { systemClock } from '../ground/clock.ts'
import { messageOf } from '../ground/errors.ts'
import { framesPath } from '../ground/frames.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { removeFile } from '../ground/removal.ts'
import { fromGateway } from './boot.ts'
import { createCompany } from './company.ts'
import { answer, readBody, send } from './control-replies.ts'
import { openDoor } from './door.ts'
import { createFrameServer } from './frame-server.ts'
import type { FrameServer } from './frame-server.ts'
import { createOutbox } from './outbox.ts'
import type { Pipes } from './pipes.ts'
import type { House, KeeperBoot, KeeperClaim, KeeperSpec, Outliving } from './protocol.ts'
import { createRelay } from './relay.ts'
import { createAdvice } from './server-advice.ts'
import type { ServerProcess } from './server-process.ts'
import { startServerProcess } from './server-process.ts'
import { asLookedAt, keeperFailure, spawnerFor } from './spawner.ts'
import { createStdioFace } from './stdio-face.ts'
import { servedWhole } from './whole-request.ts'

/** One worker that this process keeps: its socket, its server, and how both end. */
export interface Kept {
  /**
   * Ends the tree, and then leaves: asked first, killed after `afterMs`, or after the time that a
   * server usually gets. The first call wins; settles when nothing of the tree is left.
   */
  end(afterMs?: number): Promise<void>
  /** Whoever had it started is no more. */
  gatewayGone(): void
}

export interface KeptOptions {
  boot: KeeperBoot
  /** For a server in a house of its own. */
  makePipes(house: House): Promise<Pipes>
  /** It listens on its socket. */
  onListening(): void
  /** Its server has been started. */
  onServer(): void
  /** It is over, and its socket gone. @param isGone whether nothing of the tree is left */
  onLeft(isGone: boolean): void
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** How long the reader of a server's last answers may take … */
const readingMs = 5000
/** … and how long after a stop, when hardly anybody reads them any more. */
const leavingMs = 1000
/** What a server gets to end by itself that nobody can understand … */
const hopelessMs = 1000
/** … and any other when nobody says how long. */
const graceMs = 5000
const garbledAdvice =
  'It writes to stdout what is no JSON-RPC message. Such lines are skipped, and mcp-berth logs shows them; let it log to stderr.'

/** Less than any client waits for a head. */
const undecidedInOneGatewayMs = 5000

const onFault = tellFault('keeping a server')

export function keep(options: KeptOptions): Kept {
  const { boot, makePipes, onListening, onServer, onLeft } = options
  const outbox = createOutbox()
  const company = createCompany(systemClock)
  const advice = createAdvice()
  let server: ServerProcess | undefined
  /** Of a stdio server. */
  let frames: FrameServer | undefined
  let toServer: Handler = (_request, response) => answer(response, 503)
  let ending: Promise<void> | undefined
  let isOnItsOwn = false
  /** The last that a gateway has left, as JSON. */
  let note: string | undefined

  const door = openDoor({
    boot,
    onListening,
    onAnswer: outbox.add,
    serve(request, response) {
      if (request.url?.startsWith('/keeper/') === true) control(request, response)
      else toServer(request, response)
    },
    upgrade(request, socket, first) {
      if (frames === undefined || request.url !== framesPath) return false
      frames.accept(socket, first)
      return true
    },
  })

  function control(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://keeper')
    switch (`${request.method ?? ''} ${url.pathname}`) {
      case 'POST /keeper/start':
        readBody(request, response, (body) => start(fromGateway(body) as KeeperSpec, response))
        return
      case 'POST /keeper/claim':
        readBody(request, response, (body) => claim(fromGateway(body) as KeeperClaim, response))
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
    if (isTaken()) {
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
            hold: (isHeld) => server?.hold(isHeld),
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
      const { spawn, callOff } = await spawnerFor(boot, makePipes, onFault)
      // It was told to stop meanwhile, or to start another.
      if (isTaken()) {
        callOff()
        answer(response, 409)
        return
      }
      server = startServerProcess({
        spec: asLookedAt(spec, boot),
        spawn,
        onLine: (line) => face?.fromServer(line),
      })
    } catch (thrown) {
      // Its folder is gone, or the disk is full.
      answer(response, 502, keeperFailure(messageOf(thrown)))
      endSoon(0)
      return
    }
    onServer()
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
    if (spec.outlives !== undefined && spec.isWarm !== true)
      liveOn(spec.outlives, systemClock.now() - beganAtMs)
    const { address } = outcome.started
    if (face !== undefined) {
      frames = createFrameServer(face.handle, onFault)
      outbox.also(frames.leave)
      toServer = servedWhole(face.handle, onFault)
    } else if (spec.relay && address !== null) {
      toServer = createRelay(address, spec.port ?? 0, {
        isPlain: spec.isPlain === true,
        onBytes: (count) => server?.spent(count),
      })
    }
    answer(response, 200, outcome.started)
  }

  /** It was started ahead of its session, and has one now. */
  function claim({ outlives }: KeeperClaim, response: ServerResponse): void {
    // The news of its end may still be on its way here.
    if (server?.isThere() !== true || ending !== undefined) {
      answer(response, 409)
      return
    }
    if (outlives !== undefined) liveOn(outlives, 0)
    answer(response, 204)
  }

  const isTaken = (): boolean => server !== undefined || ending !== undefined

  /** From now on the end of a gateway is not the end of this worker. */
  function liveOn({ maxMs, orphanMs }: Outliving, startMs: number): void {
    isOnItsOwn = true
    systemClock.after(maxMs - startMs, () => endSoon(graceMs, leavingMs, 'maxLifetime was over'))
    company.onMissed(orphanMs, () => {
      endSoon(graceMs, leavingMs, `no gateway came for ${Math.round(orphanMs / 1000)} s`)
    })
  }

  function end(afterMs: number, lastMs = leavingMs, why?: string): Promise<void> {
    ending ??= endTree(afterMs, why)
      .catch((thrown: unknown) => {
        onFault(thrown)
        return false
      })
      .then((isGone) => inBackground(leave(isGone, lastMs), () => onLeft(false)))
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

  async function leave(isGone: boolean, lastMs: number): Promise<void> {
    await outbox.emptied(lastMs)
    frames?.close()
    door.close()
    // There may be no gateway any more to do it.
    removeFile(boot.socketPath)
    onLeft(isGone)
  }

  return {
    end: (afterMs = graceMs) => end(afterMs),
    gatewayGone() {
      if (!isOnItsOwn) endSoon(0)
    },
  }
}
