import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { METHODS } from 'node:http'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
import { createServer, Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'

import type { FastifyInstance } from 'fastify'
import { fastify } from 'fastify'

import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { capConnections } from './connections.ts'
import { answerEarly } from './early-answers.ts'
import { GatewayError, messageOf } from './errors.ts'
import type { Events } from './events.ts'
import { FewSet } from './few.ts'
import { answerNoRequest } from './no-request.ts'
import { answerOthers } from './other-requests.ts'
import type { PassedSocket } from './passed-sockets.ts'
import { hasTwoHosts, routedTarget } from './request-target.ts'
import { cutSlowBodies } from './slow-bodies.ts'
import { answerTls } from './tls-knock.ts'

/** What is known of a listener beside Fastify. */
interface Door {
  /** The id of the next request. */
  nextId(): string
  isClosed: boolean
  /** Answers that are not complete. */
  responses: FewSet<ServerResponse>
  /** `localhost` is two addresses: these hand their connections to the listener's own server. */
  further: Server[]
}

export interface ListenOnOptions {
  /** How long to go on trying while the address is in use. Default 0: not at all. */
  waitMs?: number
  /** Called once if it has to wait. */
  onBusy?: (port: number) => void
  /** Listened on instead of host and port. */
  passed?: PassedSocket | undefined
}

export interface ListenerOptions {
  clock: Clock
  /** Told, once a minute at most, of who speaks https:// to it, and of connections that are too many. */
  events: Events
  /** How many connections there may be at a time. Default: as many as come. */
  connections?: number
}

const tryEveryMs = 20
const warnEveryMs = 60_000
const doors = new WeakMap<Server, Door>()

/** Of requests, and of workers' answers. A token far too large is refused by name, not by the parser. */
export const maxHeaderBytes = 128 * 1024

/** All that Node reads. What is none of a path's is to be told so, and not that the path is unknown. */
export const routedMethods = METHODS.filter((method) => method !== 'CONNECT')

/** The head of a request has to be there by then … */
const headMs = 20_000
/** … and all of it by then, however steadily its body comes. */
const requestMs = 900_000

/** Fastify would load its own at once, which takes 45 ms; who writes a schema brings a compiler. */
const noCompiler = () => (): never => {
  throw new Error('a route has a schema, and its plugin no compilers')
}

/** TCP keep-alive lets a vanished laptop be noticed; an answer may take as long as it takes. */
export function createListener(options?: ListenerOptions): FastifyInstance {
  const { clock } = options ?? { clock: systemClock }
  const prefix = randomBytes(4).toString('hex')
  let count = 0
  const nextId = (): string => `${prefix}-${(count += 1).toString(36)}`
  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: 2048 },
    genReqId: nextId,
    requestIdHeader: false,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    schemaController: {
      compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler },
    },
    requestTimeout: requestMs,
    http: {
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headMs,
      connectionsCheckingInterval: 5000,
    },
    rewriteUrl: routedTarget,
    clientErrorHandler: (error, socket) => {
      const open = openAnswers(socket)
      answerNoRequest(error, socket, { clock, limitBytes: maxHeaderBytes, open })
    },
  })
  for (const method of routedMethods) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  }
  app.addHook('onRequest', ({ raw }, _reply, done) =>
    done(hasTwoHosts(raw) ? new GatewayError('ERR_PROXY_TWO_HOSTS') : undefined),
  )
  // Node leaves out what comes after 2000, and nobody would be told; their size has a limit.
  app.server.maxHeadersCount = 0
  answerOthers(app.server, openAnswers)
  answerEarly(app, clock)
  answerTls(app.server, options === undefined ? () => undefined : tlsWarning(options))
  if (options?.connections !== undefined) {
    capConnections(app.server, { ...options, most: options.connections })
  }
  const slowBodies = cutSlowBodies(app.server, clock)
  const door: Door = { nextId, isClosed: false, responses: new FewSet(), further: [] }
  doors.set(app.server, door)
  function openAnswers(socket: Socket): ServerResponse[] {
    return [...door.responses].filter(({ req }) => req.socket === socket)
  }
  // One for all of them: a closure for each request is to be collected again.
  const forget = function (this: ServerResponse): void {
    door.responses.delete(this)
  }
  app.server.prependListener('request', (_request, response: ServerResponse) => {
    if (door.isClosed) response.shouldKeepAlive = false
    door.responses.add(response)
    response.on('close', forget)
  })
  app.addHook('preClose', (done) => {
    slowBodies.cancel()
    stopListening(app)
    app.server.closeAllConnections()
    done()
  })
  return app
}

function tlsWarning({ clock, events }: ListenerOptions): (socket: Socket) => void {
  let againAtMs = 0
  return ({ remoteAddress = 'an unknown address', localAddress, localPort }) => {
    if (clock.now() < againAtMs) return
    againAtMs = clock.now() + warnEveryMs
    const here = `${nameOf(localAddress ?? '127.0.0.1')}:${localPort}`
    const message = `A client at ${remoteAddress} spoke https:// to ${here}, which speaks http://. Let it use http://${here}; where https:// is wanted, a reverse proxy in front has to speak it.`
    events.emit('operator.warned', { message })
  }
}

/**
 * Lets requests be answered past the router, from when it is ready to its end. What `take` returns
 * false for, and has left alone, the router gets.
 */
export function takeFirst(
  app: FastifyInstance,
  take: (request: IncomingMessage, response: ServerResponse, nextId: () => string) => boolean,
): void {
  let isOpen = false
  app.addHook('onReady', (done) => {
    isOpen = true
    done()
  })
  // Whatever comes while it closes is refused in one place.
  app.addHook('preClose', (done) => {
    isOpen = false
    done()
  })
  const { server } = app
  const door = doors.get(server)
  // Those before it only look.
  const route = server.listeners('request').at(-1) as RequestListener | undefined
  if (door === undefined || route === undefined) return
  server.off('request', route)
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!isOpen || !take(request, response, door.nextId)) route.call(server, request, response)
  })
}

/**
 * Listens, and gives the address as a URL.
 *
 * @param key how the port is called in the configuration, for the message
 * @throws ERR_CONFIG_INVALID when this cannot be listened on
 */
export async function listenOn(
  app: FastifyInstance,
  host: string,
  port: number,
  key: string,
  options: ListenOnOptions = {},
): Promise<string> {
  const { waitMs = 0, passed } = options
  try {
    await app.ready()
    if (passed === undefined) await listen(app, host, port, options)
    else await bind(app.server, passed.handle)
  } catch (cause) {
    const where = passed === undefined ? `${host}:${port}` : 'the socket that was passed'
    const why = isTaken(cause) ? adviceForTaken(port, key, waitMs) : messageOf(cause)
    throw new GatewayError('ERR_CONFIG_INVALID', {
      params: { problems: `${key}: cannot listen on ${where}: ${why}.` },
      cause,
    })
  }
  const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host
  return `http://${nameOf(shown)}:${portOf(app.server)}`
}

/** An address as it stands in a URL. */
const nameOf = (host: string): string =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]` : host

/**
 * Closes the listening sockets at once, so that another process can listen there. Connections
 * live on until they have been answered, and are closed then: clients come back to whoever
 * listens now. Idempotent.
 */
export function stopListening(app: FastifyInstance): void {
  const door = doors.get(app.server)
  if (door === undefined || door.isClosed) return
  door.isClosed = true
  // Not the one of node:http, which would cut answers that are complete but not read yet.
  for (const server of [app.server, ...door.further]) Server.prototype.close.call(server)
  const closeIdle = (): void => {
    for (const { writableEnded } of door.responses) if (writableEnded) return
    app.server.closeIdleConnections()
  }
  for (const response of door.responses) {
    response.shouldKeepAlive = false
    // The head of this one may have promised already that the connection stays.
    response.once('close', () => setImmediate(closeIdle))
  }
  closeIdle()
}

async function listen(
  app: FastifyInstance,
  host: string,
  port: number,
  options: ListenOnOptions,
): Promise<void> {
  const found = host === 'localhost' ? await lookup(host, { all: true }) : []
  const [first = host, ...others] = new Set(found.map(({ address }) => address))
  await bindPatiently(app.server, { host: first, port }, options)
  for (const other of others) {
    const server = createServer((socket) => app.server.emit('connection', socket))
    try {
      await bindPatiently(server, { host: other, port: portOf(app.server) }, options)
      doors.get(app.server)?.further.push(server)
    } catch (thrown) {
      // A machine may know ::1 by name and not have it. A port of ours that is another's is worse.
      if (isTaken(thrown) && port !== 0) throw thrown
    }
  }
}

async function bindPatiently(
  server: Server,
  where: { host: string; port: number },
  { waitMs = 0, onBusy }: ListenOnOptions,
): Promise<void> {
  const untilMs = performance.now() + waitMs
  for (let tries = 1; ; tries += 1) {
    try {
      await bind(server, where)
      return
    } catch (thrown) {
      if (!isTaken(thrown) || performance.now() >= untilMs) throw thrown
    }
    if (tries === 1) onBusy?.(where.port)
    await setTimeout(tryEveryMs)
  }
}

async function bind(server: Server, where: ListenOptions | Socket): Promise<void> {
  const listening = once(server, 'listening')
  server.listen(where)
  await listening
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE'
}

function adviceForTaken(port: number, key: string, waitMs: number): string {
  const flag = `--${key.replace('.', '-')}`
  return waitMs === 0
    ? `port ${port} is in use already. Stop what uses it, or choose another with ${flag} (0 takes a free one)`
    : `port ${port} is still in use after ${waitMs / 1000} s. See who uses it (ss -ltnp 'sport = :${port}') and stop that, or choose another port with ${flag}. A gateway with another state directory is never asked to hand over: take its --state-dir`
}
