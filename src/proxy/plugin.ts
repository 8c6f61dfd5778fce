import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Caller } from '../auth/check.ts'
import type { Credentials } from '../auth/credentials.ts'
import { challengeHeader, metadataUrl } from '../auth/metadata.ts'
import type { Authorizers } from '../auth/setup.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Events } from '../events.ts'
import { acceptsGet, acceptsPost } from '../protocols/mcp.ts'
import type { Protocol } from '../protocols/protocol.ts'
import { asGatewayError, explain, rpcReply } from '../replies.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { createEquipping, takeHeaders } from './equip.ts'
import type { Guard } from './guard.ts'
import { isLoopback } from './guard.ts'
import { pathOf } from './metadata.ts'
import type { Asked } from './serve.ts'
import { createServing } from './serve.ts'
import { createTraffics } from './traffics.ts'

export interface ProxyOptions {
  clock: Clock
  events: Events
  sessions: Sessions
  servers: readonly Server[]
  protocol: Protocol
  authorizers: Authorizers
  credentials: Credentials
  guard: Guard
  bodyLimitBytes: number
  /** Whether unknown names may be answered with the known ones. */
  listenHost: string
  /** The sessions go on without this gateway: clients are to listen to another one … */
  leaving: AbortSignal
  /** … and what is still in progress here is cut. */
  left: AbortSignal
}

/** The data path: routes, and what is decided of a request before a byte of it is forwarded. */
export async function proxyPlugin(app: FastifyInstance, options: ProxyOptions): Promise<void> {
  const { clock, events, sessions, protocol, authorizers, guard } = options
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const defaultServer = options.servers.find(({ isDefault }) => isDefault)
  const traffics = createTraffics(clock, events)
  const equipping = createEquipping(options.credentials)
  const serve = createServing({ ...options, traffics, report })
  const keepingAlive = clock.every(1000, () => traffics.keepAlive(clock.now()))
  options.leaving.addEventListener('abort', () => traffics.leave((stream) => stream.isStandalone))
  options.left.addEventListener('abort', () => traffics.leave(() => true))
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
      const caller = authorizers.of(server?.name).authenticate(request.raw)
      const asking =
        caller instanceof Promise
          ? caller.then((who) => ask(request, server, who))
          : ask(request, server, caller)
      if (asking === undefined) done()
      else
        asking.then(
          () => done(),
          (thrown: unknown) => done(asGatewayError(thrown)),
        )
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
    handler: (request, reply) => serve(request, reply),
  })

  function serverOf(request: FastifyRequest): Server | undefined {
    if (request.is404) return undefined
    const { server: name } = request.params as { server?: string }
    return name === undefined ? defaultServer : byName.get(name)
  }

  function nothingHere(name?: string): GatewayError {
    if (name !== undefined) {
      return new GatewayError('ERR_PROXY_UNKNOWN_SERVER', {
        params: { server: name, hint: hint() },
      })
    }
    return new GatewayError('ERR_PROXY_NOT_FOUND', { params: { hint: hint() } })
  }

  /** To strangers it is not said what there is. */
  function hint(): string {
    const names = [...byName.keys()].map((known) => `/servers/${known}/mcp`).join(', ')
    return isLoopback(options.listenHost) ? ` There are ${names}.` : ''
  }

  /**
   * Without an await in it for a session that is known: a GET has to be marked before anything that
   * came after it runs. Of those that are not, `lookup` keeps the order.
   */
  function ask(
    request: FastifyRequest,
    server: Server | undefined,
    caller: Caller,
  ): Promise<void> | undefined {
    if (server === undefined) throw nothingHere((request.params as { server?: string }).server)
    const { headers, method } = request
    const { principal } = caller
    const taken = server.credentials?.clientHeaders ?? []
    const credentialHeaders = taken.length === 0 ? nothing : takeHeaders(headers, taken)
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
    const who = { caller, credentialHeaders }
    const known = {
      ...who,
      server,
      principal,
      publicId: id,
      missing: undefined,
      release: undefined,
    }
    if (id === undefined || session?.isEquipped === true) {
      mark(request, { ...known, session })
      return undefined
    }
    const looked = session === undefined ? sessions.lookup(id, server.name, principal) : session
    const equip = async (found: Session): Promise<Session> => {
      // To end a session nothing is needed of its caller.
      if (method !== 'DELETE') await equipping.equip(found, who)
      return found
    }
    return Promise.resolve(looked)
      .then(equip)
      .then(
        (found) => mark(request, { ...known, session: found }),
        // Told when the body was read, because that has the id of the request.
        (missing: unknown) => mark(request, { ...known, session: undefined, missing }),
      )
  }

  function mark(request: FastifyRequest, asked: Asked): void {
    const { session } = asked
    // For a keeper that keeps the order itself as well: on the way there a request may overtake a
    // stream, because it finds a connection open.
    const release =
      session !== undefined && request.method === 'GET'
        ? traffics.of(session).hold.raise()
        : undefined
    request.asked = { ...asked, release }
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
    const headers = {
      ...guard.headersFor(request.headers.origin),
      ...allow,
      ...answer.headers,
      ...challengeTo(request, error),
    }
    void reply.code(answer.statusCode).headers(headers).send(answer.body)
  }

  /** Where to get a token, for who came without one that is good enough. */
  function challengeTo(request: FastifyRequest, { challenge }: GatewayError) {
    if (challenge === undefined) return {}
    const server = serverOf(request)
    const { login } = authorizers.of(server?.name)
    const path = server === undefined ? '' : pathOf(request.url)
    const url = metadataUrl({ base: guard.baseFor(request.headers.host), path })
    return {
      'www-authenticate': challengeHeader(challenge, { scopes: login?.scopes ?? [], url }),
    }
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

const nothing: Readonly<Record<string, string>> = {}

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
