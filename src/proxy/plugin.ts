import type { IncomingMessage } from 'node:http'

import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Asking, Authorizer, Caller } from '../auth/check.ts'
import type { Credentials } from '../auth/credentials.ts'
import type { Authorizers } from '../auth/setup.ts'
import { signedCaller } from '../auth/sigv4.ts'
import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { routedMethods, takeFirst } from '../ground/listener.ts'
import type { Protocols } from '../protocols/protocols.ts'
import { asGatewayError } from '../ground/replies.ts'
import { hostsOf } from '../ground/request-target.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Quotas } from './quotas.ts'
import type { Server } from '../sessions/server.ts'
import { createAsking } from './ask.ts'
import type { BodyDone } from './bodies.ts'
import { createBodies, mayBeCharged, mostHeld } from './bodies.ts'
import { createChosenIds } from './chosen-ids.ts'
import { createDestination } from './destination.ts'
import { createEquipping } from './equip.ts'
import type { Guard } from './guard.ts'
import { isLoopback } from './guard.ts'
import type { Inside } from './inner.ts'
import { createInnerDoor } from './inner.ts'
import { createInvoke } from './invoke.ts'
import { createPassing } from './pass.ts'
import { startPings } from './pings.ts'
import { isOfRuntimes, routes } from './routes.ts'
import { runtimesPlugin } from './runtimes.ts'
import { createServing } from './serve.ts'
import { createShortcut } from './shortcut.ts'
import { createTelling } from './telling.ts'
import { createTraffics } from './traffics.ts'

export interface ProxyOptions {
  clock: Clock
  events: Events
  sessions: Sessions
  servers: readonly Server[]
  /** Largest MCP message at `/servers/…`. */
  bodyLimitBytes: number
  /** Of what stands below `/runtimes/`, and of payloads for servers that speak no MCP. */
  runtimes: { protocols: Protocols; bodyLimitBytes: number }
  authorizers: Authorizers
  credentials: Credentials
  /** Undefined where nothing limits anybody. */
  quotas: Quotas | undefined
  guard: Guard
  /** The way to the worker of a bundle's session, which uses the door to those of its members. */
  inside: Inside
  /** Whether unknown names may be answered with the known ones. */
  listenHost: string
  /** The sessions go on without this gateway: clients are to listen to another one … */
  leaving: AbortSignal
  /** … and what is still in progress here is cut. */
  left: AbortSignal
}

/** The data path: routes, and what is decided of a request before a byte of it is forwarded. */
export async function proxyPlugin(app: FastifyInstance, options: ProxyOptions): Promise<void> {
  const { clock, events, sessions, authorizers, guard } = options
  const destination = createDestination(options)
  const { serverOf, protocolOf, limitOf, nothingHere } = destination
  const { sendError, headersOf, report } = createTelling({ ...options, destination })
  const traffics = createTraffics(clock, events, (session) => options.inside(session, door))
  const chosenIds = createChosenIds()
  const longest = Math.max(options.bodyLimitBytes, options.runtimes.bodyLimitBytes)
  const bodies = createBodies(mostHeld(longest))
  const equipping = createEquipping(options.credentials)
  const passing = createPassing(options)
  const door = createInnerDoor({ ...options, equipping, passing, trafficOf: traffics.of })
  const shared = { ...options, traffics, chosenIds, passing, equipping }
  const asking = createAsking(shared)
  const invoke = createInvoke(shared)
  const serve = createServing({ ...shared, invoke, report })
  const isPinged = options.servers.some(({ protocol }) => protocol === 'http')
  const pings = isPinged ? startPings(clock, sessions) : undefined
  const keepingAlive = clock.every(1000, () => traffics.keepAlive(clock.now()))
  const onFault = tellFault('answering a request')
  const leave = guarded(() => traffics.leave((stream) => stream.isStandalone), onFault)
  options.leaving.addEventListener('abort', leave)
  const leaveAll = guarded(() => traffics.leave(() => true), onFault)
  options.left.addEventListener('abort', leaveAll)
  app.addHook('onClose', (_app, done) => {
    keepingAlive.cancel()
    pings?.cancel()
    done()
  })

  app.decorateRequest('asked', null)
  app.decorateRequest('place', null)
  app.decorateRequest('charge', null)
  app.decorateReply('say', function (this: FastifyReply, statusCode, headers, body) {
    void this.code(statusCode).headers(headers).send(body)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    (request: FastifyRequest, payload: IncomingMessage, done: BodyDone) =>
      bodies.read(request, payload, limitOf(request), done),
  )
  app.setErrorHandler((thrown, request, reply) => sendError(request, reply, thrown))
  // Here, so that the checks of every other request come first.
  app.setNotFoundHandler((request) => {
    throw nothingHere(request)
  })

  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers
    try {
      for (const host of hostsOf(request)) guard.check(host, origin)
      if (request.method === 'OPTIONS') {
        const headers = { ...guard.headersFor(origin), ...guard.preflight }
        void reply.code(204).headers(headers).send()
        return
      }
      if (mayBeCharged(request.raw)) {
        const closed = guarded(() => request.charge?.closed(), onFault)
        reply.raw.once('close', closed)
      }
      const server = serverOf(request)
      const authorizer = authorizers.of(server?.name)
      const caller = isOfRuntimes(request)
        ? callerOf(authorizer, request.raw)
        : authorizer.authenticate(request.raw)
      const admit = (who: Caller): Promise<void> | undefined => {
        if (server === undefined) throw nothingHere(request)
        return asking.ask(request, { protocol: protocolOf(request, server), server, caller: who })
      }
      const admitted = caller instanceof Promise ? caller.then(admit) : admit(caller)
      if (admitted === undefined) done()
      else {
        const answered = admitted.then(
          () => done(),
          (thrown: unknown) => done(asGatewayError(thrown)),
        )
        inBackground(answered, (thrown) => {
          onFault(thrown)
          reply.raw.destroy()
        })
      }
    } catch (thrown) {
      done(asGatewayError(thrown))
    }
  })

  await app.register(httpProxy, {
    // Never used: every exchange goes to the endpoint of its session.
    upstream: 'http://127.0.0.1',
    routes: [...routes.mcp],
    httpMethods: routedMethods,
    proxyPayloads: false,
    handler: (request, reply) => serve(request, reply),
  })
  await app.register(runtimesPlugin, {
    sessions,
    chosenIds,
    bodies,
    limitOf,
    headersOf,
    serve,
  })
  takeFirst(
    app,
    createShortcut({
      ...options,
      ...{ destination, asking, bodies, serve, sendError, onFault },
    }),
  )

  /** Signatures can be told apart only, and that is enough where everybody is let in anyway. */
  function callerOf(authorizer: Authorizer, asking: Asking): Caller | Promise<Caller> {
    const isTaken = authorizer.isOpen && isLoopback(options.listenHost)
    return (isTaken ? signedCaller(asking) : undefined) ?? authorizer.authenticate(asking)
  }
}
