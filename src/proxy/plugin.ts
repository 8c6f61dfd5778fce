import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Authorizer } from '../auth/check.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { RpcId } from '../jsonrpc.ts'
import { acceptsGet, acceptsPost } from '../protocols/mcp.ts'
import type { Peek, Posted, Protocol } from '../protocols/protocol.ts'
import { asGatewayError, explain, rpcReply } from '../replies.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { createDownstream } from './downstream.ts'
import { forward } from './forward.ts'
import type { Guard } from './guard.ts'
import { isLoopback } from './guard.ts'
import { initialize } from './initialize.ts'
import type { Exchange, Traffic } from './traffic.ts'
import { createTraffics } from './traffics.ts'

export interface ProxyOptions {
  clock: Clock
  events: Events
  sessions: Sessions
  servers: readonly Server[]
  protocol: Protocol
  authorizer: Authorizer
  guard: Guard
  bodyLimitBytes: number
  /** Whether unknown names may be answered with the known ones. */
  listenHost: string
}

/** What is known of a request before its body is read. */
interface Asked {
  server: Server
  principal: string
  publicId: string | undefined
  session: Session | undefined
  /** Of a GET: lets the session's POSTed requests go on. */
  release: (() => void) | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    asked: Asked | null
  }
}

/** A session may have so many requests in progress; answers are never counted. */
const maxExchanges = 64

/** The data path: routes, and what is decided of a request before a byte of it is forwarded. */
export async function proxyPlugin(app: FastifyInstance, options: ProxyOptions): Promise<void> {
  const { clock, events, sessions, protocol, authorizer, guard } = options
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const defaultServer = options.servers.find(({ isDefault }) => isDefault)
  const traffics = createTraffics(clock, events)
  const keepingAlive = clock.every(1000, () => traffics.keepAlive(clock.now()))
  app.addHook('onClose', (_app, done) => {
    keepingAlive.cancel()
    done()
  })

  app.decorateRequest('asked', null)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: options.bodyLimitBytes },
    (_request, body, done) => done(null, body),
  )
  app.setErrorHandler((thrown, request, reply) => sendError(request, reply, thrown))
  // Here, so that the checks of every other request come first.
  app.setNotFoundHandler(() => {
    throw nothingHere()
  })

  app.addHook('onRequest', (request, reply, done) => {
    const { host, origin } = request.headers
    try {
      guard.check(host, origin)
      if (request.method === 'OPTIONS') {
        const headers = { ...guard.headersFor(origin), ...guard.preflight }
        void reply.code(204).headers(headers).send()
        return
      }
      const server = serverOf(request)
      const principal = authorizer.authenticate(request.headers)
      if (typeof principal === 'string') {
        ask(request, server, principal)
        done()
        return
      }
      principal.then((who) => {
        ask(request, server, who)
        done()
      }, done)
    } catch (thrown) {
      done(asGatewayError(thrown))
    }
  })

  await app.register(httpProxy, {
    // Never used: every exchange goes to the endpoint of its session.
    upstream: 'http://127.0.0.1',
    routes: ['/servers/:server/mcp', '/mcp'],
    httpMethods: ['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'HEAD'],
    proxyPayloads: false,
    handler: (request, reply) => handle(request, reply),
  })

  function serverOf(request: FastifyRequest): Server {
    const { server: name } = request.params as { server?: string }
    const server = name === undefined ? defaultServer : byName.get(name)
    if (server !== undefined && !request.is404) return server
    if (name === undefined) throw nothingHere()
    throw new GatewayError('ERR_PROXY_UNKNOWN_SERVER', { params: { server: name, hint: hint() } })
  }

  function nothingHere(): GatewayError {
    return new GatewayError('ERR_PROXY_NOT_FOUND', { params: { hint: hint() } })
  }

  /** To strangers it is not said what there is. */
  function hint(): string {
    const names = [...byName.keys()].map((known) => `/servers/${known}/mcp`).join(', ')
    return isLoopback(options.listenHost) ? ` There are ${names}.` : ''
  }

  /** Without an await in it: a GET has to be marked before anything that came after it runs. */
  function ask(request: FastifyRequest, server: Server, principal: string): void {
    const { headers, method } = request
    const id = protocol.publicId(headers)
    if (typeof id === 'object') throw new GatewayError('ERR_SESSIONS_NOT_FOUND')
    if (method === 'POST' && !acceptsPost(headers)) throw new GatewayError('ERR_PROXY_ACCEPT_POST')
    if (method === 'GET' && id === undefined) throw new GatewayError('ERR_PROXY_GET_WITHOUT_ID')
    if (method === 'GET' && !acceptsGet(headers)) throw new GatewayError('ERR_PROXY_ACCEPT_GET')
    if (method === 'DELETE' && id === undefined) throw new GatewayError('ERR_PROXY_ID_REQUIRED')
    if (method !== 'POST' && method !== 'GET' && method !== 'DELETE') {
      throw new GatewayError('ERR_PROXY_METHOD')
    }
    const session = id === undefined ? undefined : sessions.find(id, server.name, principal)
    // For a keeper that keeps the order itself as well: on the way there a request may overtake a
    // stream, because it finds a connection open.
    const release =
      session !== undefined && method === 'GET' ? traffics.of(session).hold.raise() : undefined
    request.asked = { server, principal, publicId: id, session, release }
  }

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { asked } = request
    if (asked === null) throw new GatewayError('ERR_PROXY_INTERNAL')
    const { server, principal, publicId, session } = asked
    if (publicId !== undefined && session === undefined) {
      throw await sessions.explain(publicId, server.name, principal)
    }
    if (request.method === 'POST') {
      await handlePost(request, reply, asked)
    } else if (session !== undefined && request.method === 'GET') {
      handleGet(request, reply, session, asked.release)
    } else if (session !== undefined) {
      void sessions.close(session, 'client-deleted')
      const headers = { ...guard.headersFor(request.headers.origin), 'mcp-session-id': session.id }
      await reply.code(200).headers(headers).send()
    }
  }

  async function handlePost(
    request: FastifyRequest,
    reply: FastifyReply,
    { server, principal, session }: Asked,
  ): Promise<void> {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const posted = protocol.read(body)
    if (posted.form === 'not-json') throw new GatewayError('ERR_PROXY_NOT_JSON')
    if (posted.form === 'not-rpc') throw new GatewayError('ERR_PROXY_NOT_RPC')
    if (session === undefined) {
      const opening = openingOf(posted)
      if (opening === undefined) throw new GatewayError('ERR_PROXY_ID_REQUIRED')
      reply.hijack()
      await initialize({
        sessions,
        trafficOf: traffics.of,
        protocol,
        clock,
        server,
        principal,
        request: opening,
        headers: request.headers,
        body,
        response: reply.raw,
        requestId: request.id,
        extraHeaders: guard.headersFor(request.headers.origin),
        onError: (error) => report(request, error),
      })
      return
    }
    const traffic = traffics.of(session)
    const held = posted.messages.some(({ kind }) => kind === 'request')
      ? traffic.hold.wait()
      : undefined
    if (held !== undefined) {
      await held
      if (session.end !== undefined)
        throw await sessions.explain(session.id, server.name, principal)
    }
    const { exchanges, ids } = countIn(traffic, posted.messages)
    reply.hijack()
    pass({ request, reply, traffic, exchanges, ids, body, method: 'POST' })
  }

  /** Counts the requests of a POST in; answers and notifications are never counted. */
  function countIn(traffic: Traffic, messages: Peek[]): { exchanges: Exchange[]; ids: RpcId[] } {
    const requests = messages.filter(({ kind }) => kind === 'request')
    if (traffic.size() + requests.length > maxExchanges) {
      throw new GatewayError('ERR_PROXY_TOO_MANY_EXCHANGES', {
        params: { limit: maxExchanges },
        retryAfterSeconds: 1,
      })
    }
    for (const message of messages) if (message.kind !== 'request') traffic.fromClient(message)
    return {
      exchanges: requests.map((message) => traffic.open(message)),
      ids: requests.flatMap(({ id }) => (id === undefined ? [] : [id])),
    }
  }

  function handleGet(
    request: FastifyRequest,
    reply: FastifyReply,
    session: Session,
    release: (() => void) | undefined,
  ): void {
    const traffic = traffics.of(session)
    const resumed = request.headers['last-event-id']
    const eventId = typeof resumed === 'string' && resumed !== '' ? resumed : undefined
    let exchanges: Exchange[] = []
    if (eventId === undefined) {
      for (const stream of [...traffic.streams]) if (stream.isStandalone) stream.supersede()
    } else {
      exchanges = traffic.withEvent(eventId)
      for (const exchange of exchanges) traffic.carry(exchange)
      for (const stream of [...traffic.streams]) {
        if (stream.lastEventId === eventId) stream.supersede()
      }
    }
    reply.hijack()
    pass({
      request,
      reply,
      traffic,
      exchanges,
      ids: [],
      body: null,
      method: 'GET',
      isStandalone: eventId === undefined,
      onAnswer: release,
    })
  }

  function pass(what: {
    request: FastifyRequest
    reply: FastifyReply
    traffic: ReturnType<typeof traffics.of>
    exchanges: Exchange[]
    ids: RpcId[]
    body: Buffer | null
    method: 'GET' | 'POST'
    isStandalone?: boolean
    onAnswer?: (() => void) | undefined
  }): void {
    const { request, reply, traffic, method } = what
    const { session } = traffic
    const { endpoint } = session
    const downstream = createDownstream({
      response: reply.raw,
      kind: method === 'GET' ? 'get' : 'post',
      isStandalone: what.isStandalone ?? false,
      protocol,
      clock,
      traffic,
      exchanges: what.exchanges,
      ids: what.ids,
      requestId: request.id,
      extraHeaders: guard.headersFor(request.headers.origin),
      publicId: session.id,
    })
    forward({
      dispatcher: traffic.pool,
      protocol,
      clock,
      method,
      path: endpoint.path,
      headers: protocol.toWorker(request.headers, endpoint, session.record.workerSessionId),
      body: what.body,
      downstream,
      onAnswer: what.onAnswer ?? noop,
      onForgotten: () => {
        const isRemote = session.server.launch.kind === 'remote'
        void sessions.close(session, isRemote ? 'upstream-lost' : 'worker-exited')
      },
      explainRefusal: async () => {
        const { server, principal } = session
        return session.end === undefined
          ? new GatewayError('ERR_PROXY_WORKER_UNREACHABLE')
          : await sessions.explain(session.id, server.name, principal)
      },
    })
  }

  function sendError(request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
    request.asked?.release?.()
    const error = translate(thrown, options.bodyLimitBytes)
    report(request, error)
    const body = Buffer.isBuffer(request.body) ? protocol.read(request.body) : undefined
    const ids =
      body !== undefined && 'messages' in body
        ? body.messages.flatMap(({ kind, id }) =>
            kind === 'request' && id !== undefined ? [id] : [],
          )
        : []
    const answer = rpcReply(error, { requestId: request.id, ids })
    const allow = answer.statusCode === 405 ? { allow: 'POST, GET, DELETE, OPTIONS' } : {}
    const headers = { ...guard.headersFor(request.headers.origin), ...allow, ...answer.headers }
    void reply.code(answer.statusCode).headers(headers).send(answer.body)
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

const noop = (): void => undefined

/** The `initialize` request that opens a session. It may not stand in a batch (2025-03-26, lifecycle). */
function openingOf(posted: Posted): Peek | undefined {
  if (posted.form !== 'message') return undefined
  const [message] = posted.messages
  return message.method === 'initialize' && message.kind === 'request' ? message : undefined
}

/** Fastify's own errors about bodies, in the words of the catalogue. */
function translate(thrown: unknown, limitBytes: number): GatewayError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new GatewayError('ERR_PROXY_CONTENT_TYPE')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError('ERR_PROXY_BODY_TOO_LARGE', { params: { limitBytes } })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new GatewayError('ERR_PROXY_NOT_JSON')
    default:
      return asGatewayError(thrown)
  }
}
