import type { IncomingHttpHeaders } from 'node:http'

import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Asking, Authorizer, Caller } from '../auth/check.ts'
import type { Credentials } from '../auth/credentials.ts'
import { challengeHeader, metadataUrl } from '../auth/metadata.ts'
import type { Authorizers } from '../auth/setup.ts'
import { signedCaller } from '../auth/sigv4.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Events } from '../events.ts'
import { acceptsGet, acceptsPost } from '../protocols/mcp.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { Protocols } from '../protocols/protocols.ts'
import { serverProtocols } from '../protocols/protocols.ts'
import type { RuntimeQuery } from '../protocols/runtimes.ts'
import { createRuntimes } from '../protocols/runtimes.ts'
import { allowedValueBytes, tooLongOf } from '../protocols/worker-headers.ts'
import { asGatewayError, explain } from '../replies.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { endpointPath, shortPath } from '../paths.ts'
import { createChosenIds } from './chosen-ids.ts'
import { createEquipping, takeHeaders } from './equip.ts'
import type { Guard } from './guard.ts'
import { isLoopback } from './guard.ts'
import { createInvoke } from './invoke.ts'
import { pathOf } from './metadata.ts'
import { createPassing } from './pass.ts'
import { startPings } from './pings.ts'
import { httpMethods, isInvocation, isOfRuntimes, isStop, runtimesPlugin } from './runtimes.ts'
import type { Asked } from './serve.ts'
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

/** Parameters of the path. */
interface Named {
  server?: string
  runtime?: string
}

/** The data path: routes, and what is decided of a request before a byte of it is forwarded. */
export async function proxyPlugin(app: FastifyInstance, options: ProxyOptions): Promise<void> {
  const { clock, events, sessions, authorizers, guard } = options
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const defaultServer = options.servers.find(({ isDefault }) => isDefault)
  const runtimes = createRuntimes(options.servers)
  const traffics = createTraffics(clock, events)
  const chosenIds = createChosenIds()
  const equipping = createEquipping(options.credentials)
  const passing = createPassing(options)
  const shared = { ...options, traffics, passing, equipping }
  const invoke = createInvoke(shared)
  const serve = createServing({ ...shared, chosenIds, invoke, report })
  const isPinged = options.servers.some(({ protocol }) => protocol === 'http')
  const pings = isPinged ? startPings(clock, sessions) : undefined
  const keepingAlive = clock.every(1000, () => traffics.keepAlive(clock.now()))
  options.leaving.addEventListener('abort', () => traffics.leave((stream) => stream.isStandalone))
  options.left.addEventListener('abort', () => traffics.leave(() => true))
  app.addHook('onClose', (_app, done) => {
    keepingAlive.cancel()
    pings?.cancel()
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
    throw nothingHere({})
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
      const authorizer = authorizers.of(server?.name)
      const caller = isOfRuntimes(request)
        ? callerOf(authorizer, request.raw)
        : authorizer.authenticate(request.raw)
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
    httpMethods,
    proxyPayloads: false,
    handler: (request, reply) => serve(request, reply),
  })
  await app.register(runtimesPlugin, {
    sessions,
    chosenIds,
    bodyLimitBytes: options.runtimes.bodyLimitBytes,
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

  function nothingHere({ server: name, runtime }: Named, query?: unknown): GatewayError {
    if (runtime !== undefined) return runtimes.missing(runtime, query as RuntimeQuery)
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

  /**
   * Without an await in it for a session that is known: a GET has to be marked before anything that
   * came after it runs. Of those that are not, `lookup` keeps the order.
   */
  function ask(
    request: FastifyRequest,
    server: Server | undefined,
    caller: Caller,
  ): Promise<void> | undefined {
    if (server === undefined) throw nothingHere(request.params as Named, request.query)
    const { headers, method } = request
    const { principal } = caller
    const protocol = protocolOf(request, server)
    const taken = server.credentials?.clientHeaders ?? []
    const who = {
      caller,
      credentialHeaders: taken.length === 0 ? nothing : takeHeaders(headers, taken),
    }
    const known = { ...who, protocol, server, principal, missing: undefined, release: undefined }
    const nobody = { publicId: undefined, chosenId: undefined, session: undefined }
    if (isStop(request)) {
      mark(request, { ...known, ...nobody })
      return undefined
    }
    checkEndpoint(request, server)
    if (protocol.isPlain) {
      if (method !== 'POST') throw new GatewayError('ERR_PROXY_POST_ONLY')
      checkAllowed(headers, server)
      mark(request, { ...known, ...nobody, chosenId: protocol.chosenId(headers) })
      return undefined
    }
    const id = protocol.publicId(headers)
    if (typeof id === 'object') throw new GatewayError('ERR_SESSIONS_NOT_FOUND')
    if (method === 'POST' && !acceptsPost(headers)) throw new GatewayError('ERR_PROXY_ACCEPT_POST')
    const chosenId = id === undefined ? protocol.chosenId(headers) : undefined
    const any = id ?? chosenId
    if (method === 'GET' && any === undefined) throw new GatewayError('ERR_PROXY_GET_WITHOUT_ID')
    if (method === 'GET' && !acceptsGet(headers)) throw new GatewayError('ERR_PROXY_ACCEPT_GET')
    if (method === 'DELETE' && any === undefined) throw new GatewayError('ERR_PROXY_ID_REQUIRED')
    if (method !== 'POST' && method !== 'GET' && method !== 'DELETE') {
      throw new GatewayError('ERR_PROXY_METHOD')
    }
    checkAllowed(headers, server)
    const session = any === undefined ? undefined : find(any, chosenId, server, principal)
    const asked = { ...known, publicId: id, chosenId }
    // Whoever chose an id may be about to open the session of it.
    const mayOpen = session === undefined && id === undefined && method === 'POST'
    if (any === undefined || session?.isEquipped === true || mayOpen) {
      mark(request, { ...asked, session })
      return undefined
    }
    const looked = session === undefined ? sessions.lookup(any, server.name, principal) : session
    const equip = async (found: Session): Promise<Session> => {
      // To end a session nothing is needed of its caller.
      if (method !== 'DELETE') await equipping.equip(found, who)
      return found
    }
    return Promise.resolve(looked)
      .then(equip)
      .then(
        (found) => mark(request, { ...asked, session: found }),
        // Told when the body was read, because that has the id of the request.
        (missing: unknown) => mark(request, { ...asked, session: undefined, missing }),
      )
  }

  function find(
    id: string,
    chosenId: string | undefined,
    server: Server,
    principal: string,
  ): Session | undefined {
    const chosen =
      chosenId === undefined
        ? undefined
        : (chosenIds.find(chosenId, { server, principal }) ??
          sessions.findNamed(chosenId, server.name, principal))
    return chosen ?? sessions.find(id, server.name, principal)
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
    const protocol = protocolOf(request)
    const error = translate(thrown, limitOf(request))
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
    const headers = { ...headersOf(request), ...allow, ...answer.headers }
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
    const path = server === undefined ? '' : `${pathOf(request.url)}${query}`
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

  function limitOf(request: FastifyRequest): { limitBytes: number; key: string } {
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

/** @throws ERR_PROXY_OTHER_PROTOCOL at the path of servers that speak otherwise */
function checkEndpoint(request: FastifyRequest, server: Server): void {
  const { protocol, name } = server
  if (isOfRuntimes(request) || isInvocation(request) === (protocol === 'http')) return
  const isShort = (request.params as Named).server === undefined
  throw new GatewayError('ERR_PROXY_OTHER_PROTOCOL', {
    params: {
      server: name,
      protocol,
      speaks: protocol === 'http' ? 'no MCP' : 'MCP',
      path: isShort ? shortPath(server) : endpointPath(server),
    },
  })
}

/** @throws ERR_PROXY_HEADER_TOO_LARGE rather than to let a server go without what it is to get */
function checkAllowed(headers: IncomingHttpHeaders, { requestHeaders = [] }: Server): void {
  if (requestHeaders.length === 0) return
  const name = tooLongOf(headers, requestHeaders)
  if (name === undefined) return
  throw new GatewayError('ERR_PROXY_HEADER_TOO_LARGE', {
    params: { name, limitBytes: allowedValueBytes },
  })
}
const nothing: Readonly<Record<string, string>> = {}

/** Fastify's own errors about bodies, in the words of the catalogue. */
function translate(thrown: unknown, limit: { limitBytes: number; key: string }): GatewayError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new GatewayError('ERR_PROXY_CONTENT_TYPE')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError('ERR_PROXY_BODY_TOO_LARGE', { params: limit })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new GatewayError('ERR_PROXY_NOT_JSON')
    default:
      return asGatewayError(thrown)
  }
}
