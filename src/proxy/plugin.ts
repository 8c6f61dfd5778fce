import type { IncomingMessage } from 'node:http'

import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Asking, Authorizer, Caller } from '../auth/check.ts'
import type { Credentials } from '../auth/credentials.ts'
import { challengeHeader, metadataUrl } from '../auth/metadata.ts'
import type { Authorizers } from '../auth/setup.ts'
import { signedCaller } from '../auth/sigv4.ts'
import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { Protocols } from '../protocols/protocols.ts'
import { serverProtocols } from '../protocols/protocols.ts'
import type { RuntimeQuery } from '../protocols/runtimes.ts'
import { createRuntimes } from '../protocols/runtimes.ts'
import { asGatewayError, explain } from '../ground/replies.ts'
import { hostsOf, writtenPath } from '../ground/request-target.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import { endpointPath } from '../ground/paths.ts'
import { createAsking } from './ask.ts'
import type { BodyDone, BodyLimit } from './bodies.ts'
import { createBodies, mayBeCharged, mostHeld } from './bodies.ts'
import { createChosenIds } from './chosen-ids.ts'
import { createEquipping } from './equip.ts'
import type { Guard } from './guard.ts'
import { isLoopback } from './guard.ts'
import { createInvoke } from './invoke.ts'
import { createPassing } from './pass.ts'
import { startPings } from './pings.ts'
import type { Named } from './routes.ts'
import { httpMethods, isInvocation, isOfRuntimes, isStop, routes } from './routes.ts'
import { runtimesPlugin } from './runtimes.ts'
import { createServing } from './serve.ts'
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
  guard: Guard
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
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const defaultServer = options.servers.find(({ isDefault }) => isDefault)
  const runtimes = createRuntimes(options.servers)
  const traffics = createTraffics(clock, events)
  const chosenIds = createChosenIds()
  const longest = Math.max(options.bodyLimitBytes, options.runtimes.bodyLimitBytes)
  const bodies = createBodies(mostHeld(longest))
  const equipping = createEquipping(options.credentials)
  const passing = createPassing(options)
  const shared = { ...options, traffics, chosenIds, passing, equipping }
  const ask = createAsking(shared)
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
      const asked = (who: Caller): Promise<void> | undefined => {
        if (server === undefined) throw nothingHere(request)
        return ask(request, { protocol: protocolOf(request, server), server, caller: who })
      }
      const asking = caller instanceof Promise ? caller.then(asked) : asked(caller)
      if (asking === undefined) done()
      else {
        const answered = asking.then(
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
    httpMethods,
    proxyPayloads: false,
    handler: (request, reply) => serve(request, reply),
  })
  await app.register(runtimesPlugin, {
    sessions,
    chosenIds,
    bodies,
    limitOf,
    headersOf: (request) => headersOf(request),
    serve,
  })

  /** Signatures can be told apart only, and that is enough where everybody is let in anyway. */
  function callerOf(authorizer: Authorizer, asking: Asking): Caller | Promise<Caller> {
    const isTaken = authorizer.login === undefined && isLoopback(options.listenHost)
    return (isTaken ? signedCaller(asking) : undefined) ?? authorizer.authenticate(asking)
  }

  function serverOf(request: FastifyRequest): Server | undefined {
    if (request.is404) return undefined
    const { server: name, runtime } = request.params as Named
    if (runtime !== undefined) return runtimes.find(runtime, request.query as RuntimeQuery)
    return name === undefined ? defaultServer : byName.get(name)
  }

  function nothingHere(request: FastifyRequest): GatewayError {
    const { server: name, runtime } = request.params as Named
    if (runtime !== undefined) return runtimes.missing(runtime, request.query as RuntimeQuery)
    if (isOfRuntimes(request)) {
      const operation = `${request.method} ${writtenPath(request)}`
      return new GatewayError('ERR_AGENTCORE_UNKNOWN_OPERATION', { params: { operation } })
    }
    if (name !== undefined) {
      return new GatewayError('ERR_PROXY_UNKNOWN_SERVER', {
        params: { server: name, hint: hint() },
      })
    }
    return new GatewayError('ERR_PROXY_NOT_FOUND', { params: { hint: hint() } })
  }

  /** To strangers it is not said what there is. */
  function hint(): string {
    const names = options.servers.map(endpointPath).join(', ')
    return isLoopback(options.listenHost) ? ` There are ${names}.` : ''
  }

  function sendError(request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
    request.asked?.release?.()
    const protocol = protocolOf(request)
    const error = translate(thrown)
    report(request, error)
    const to = isStop(request) ? 'operation' : request.method === 'POST' ? 'message' : 'stream'
    const body =
      Buffer.isBuffer(request.body) && to === 'message' ? protocol.read(request.body) : undefined
    const ids =
      body !== undefined && 'messages' in body
        ? body.messages.flatMap(({ kind, id }) =>
            kind === 'request' && id !== undefined ? [id] : [],
          )
        : []
    const publicId = protocol.isPlain ? request.asked?.chosenId : request.asked?.session?.id
    const answer = protocol.reply(error, { requestId: request.id, ids, publicId, to })
    const allow = answer.statusCode === 405 ? { allow: 'POST, GET, DELETE, OPTIONS' } : {}
    const taken =
      error.code === 'ERR_PROXY_CONTENT_ENCODING' ? { 'accept-encoding': 'identity' } : {}
    const headers = { ...headersOf(request), ...allow, ...taken, ...answer.headers }
    void reply
      .code(answer.statusCode)
      .headers({ ...headers, ...challengeTo(request, error) })
      .send(answer.body)
  }

  /** Where to get a token, for who came without one that is good enough. */
  function challengeTo(request: FastifyRequest, { challenge }: GatewayError) {
    if (challenge === undefined) return {}
    const server = serverOf(request)
    const { login } = authorizers.of(server?.name)
    // AgentCore's metadata is of an endpoint, and there is only one.
    const query = isOfRuntimes(request) ? '?qualifier=DEFAULT' : ''
    const path = server === undefined ? '' : `${writtenPath(request)}${query}`
    const url = metadataUrl({ base: guard.baseFor(request.headers.host), path })
    return {
      'www-authenticate': challengeHeader(challenge, { scopes: login?.scopes ?? [], url }),
    }
  }

  function protocolOf(request: FastifyRequest, server = serverOf(request)): Protocol {
    const { protocols } = options.runtimes
    if (isOfRuntimes(request)) return server === undefined ? protocols.usual : protocols.of(server)
    // Elsewhere the path says what is spoken, whatever the server speaks.
    if (isInvocation(request)) return serverProtocols.invocations
    return server?.mode === 'stateless' ? serverProtocols.of(server) : serverProtocols.usual
  }

  function limitOf(request: FastifyRequest): BodyLimit {
    return isOfRuntimes(request) || isInvocation(request)
      ? { limitBytes: options.runtimes.bodyLimitBytes, key: 'agentcore.bodyLimit' }
      : { limitBytes: options.bodyLimitBytes, key: 'listen.bodyLimit' }
  }

  function headersOf(request: FastifyRequest): Record<string, string> {
    const own = protocolOf(request).replyHeaders(request.id)
    return { ...guard.headersFor(request.headers.origin), ...own }
  }

  function report(request: FastifyRequest, error: GatewayError): void {
    const { code, statusCode } = error
    events.emit('request.failed', {
      requestId: request.id,
      code,
      statusCode,
      cause: explain(error),
    })
  }
}

/** Fastify's own errors about bodies, in the words of the catalogue. */
function translate(thrown: unknown): GatewayError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new GatewayError('ERR_PROXY_CONTENT_TYPE')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new GatewayError('ERR_PROXY_NOT_JSON')
    case 'ECONNRESET':
      return new GatewayError('ERR_PROXY_BODY_CUT')
    default:
      return asGatewayError(thrown)
  }
}
