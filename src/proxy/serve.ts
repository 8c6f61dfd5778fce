import type { FastifyReply, FastifyRequest } from 'fastify'

import type { Caller } from '../auth/check.ts'
import type { Credentials } from '../auth/credentials.ts'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { RpcId } from '../jsonrpc.ts'
import type { Peek, Posted, Protocol } from '../protocols/protocol.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { ChosenIds } from './chosen-ids.ts'
import { createDownstream } from './downstream.ts'
import { forward } from './forward.ts'
import type { Guard } from './guard.ts'
import { initialize } from './initialize.ts'
import { recipientOf } from './recipient.ts'
import type { Exchange, Traffic } from './traffic.ts'
import type { Traffics } from './traffics.ts'

/** What is known of a request before its body is read. */
export interface Asked {
  protocol: Protocol
  server: Server
  principal: string
  caller: Caller
  /** Those that are for templates alone; no worker sees them. */
  credentialHeaders: Readonly<Record<string, string>>
  publicId: string | undefined
  /** What the client calls its session itself; only without a public id. */
  chosenId: string | undefined
  session: Session | undefined
  /** Why there is none, for who came with an id. */
  missing: unknown
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

/** Between the last byte of a worker that was killed and the news of its end. */
const cutPauseMs = 1000

export interface ServingOptions {
  clock: Clock
  sessions: Sessions
  credentials: Credentials
  guard: Guard
  traffics: Traffics
  chosenIds: ChosenIds
  /** For the log; the client has been answered. */
  report(request: FastifyRequest, error: GatewayError): void
}

/**
 * Answers a request that was let in: POST, GET or DELETE of a session, or `initialize`. It throws,
 * or rejects with, what the client is to be told.
 */
export type Serve = (request: FastifyRequest, reply: FastifyReply) => undefined | Promise<void>

export function createServing(options: ServingOptions): Serve {
  const { clock, sessions, guard, traffics, chosenIds } = options

  /** Synchronous as far as it can be: a promise for each call would cost more than it says. */
  return function serve(request, reply) {
    const { asked } = request
    if (asked === null) throw new GatewayError('ERR_PROXY_INTERNAL')
    const { session, protocol } = asked
    if (asked.missing !== undefined) throw asked.missing as Error
    if (request.method === 'POST') return handlePost(request, reply, asked)
    if (session === undefined) throw new GatewayError('ERR_PROXY_ID_REQUIRED')
    if (request.method === 'GET') {
      // What is resumed may be an exchange.
      const isResumed = request.headers['last-event-id'] !== undefined
      const confirmed = isResumed ? sessions.confirm(session) : undefined
      const get = (): void => handleGet(request, reply, asked, session)
      if (confirmed !== undefined) return confirmed.then(() => checkOpen(session)).then(get)
      get()
    } else if (protocol.endsOnDelete) {
      void sessions.close(session, 'client-deleted')
      const headers = protocol.toClient({}, session.id)
      void reply
        .code(200)
        .headers({ ...extraHeaders(request, protocol), ...headers })
        .send()
    } else throw new GatewayError('ERR_SESSIONS_NOT_FOUND')
    return undefined
  }

  function handlePost(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Asked,
  ): undefined | Promise<void> {
    const { session, chosenId } = asked
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const posted = asked.protocol.read(body)
    if (posted.form === 'not-json') throw new GatewayError('ERR_PROXY_NOT_JSON')
    if (posted.form === 'not-rpc') throw new GatewayError('ERR_PROXY_NOT_RPC')
    const { messages } = posted
    if (session === undefined || chosenId !== undefined) {
      const opening = openingOf(posted)
      if (opening !== undefined) {
        open(request, reply, asked, { opening, body })
        return undefined
      }
    }
    if (session !== undefined) return postTo(session, request, reply, asked, { messages, body })
    if (chosenId === undefined) throw new GatewayError('ERR_PROXY_ID_REQUIRED')
    // A public id in the other header, of a session that another gateway has opened.
    return sessions
      .lookup(chosenId, asked.server.name, asked.principal)
      .then((found) => postTo(found, request, reply, asked, { messages, body }))
  }

  function postTo(
    session: Session,
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Asked,
    { messages, body }: { messages: Peek[]; body: Buffer },
  ): undefined | Promise<void> {
    const { protocol } = asked
    const traffic = traffics.of(session)
    const held = messages.some(isRequest) ? traffic.hold.wait() : undefined
    const confirmed = sessions.confirm(session)
    if (held === undefined && confirmed === undefined) {
      post(request, reply, traffic, { protocol, messages, body })
      return undefined
    }
    return Promise.all([held, confirmed])
      .then(() => checkOpen(session))
      .then(() => post(request, reply, traffic, { protocol, messages, body }))
  }

  /** It may have ended while the request waited. */
  async function checkOpen({ id, server, principal, end }: Session): Promise<void> {
    if (end !== undefined) throw await sessions.explain(id, server.name, principal)
  }

  function open(
    request: FastifyRequest,
    reply: FastifyReply,
    { protocol, server, principal, chosenId, caller, credentialHeaders }: Asked,
    { opening, body }: { opening: Peek; body: Buffer },
  ): void {
    reply.hijack()
    void initialize({
      sessions,
      trafficOf: traffics.of,
      protocol,
      clock,
      server,
      principal,
      credentials: (signal) =>
        server.credentials &&
        options.credentials.resolve(
          {
            server: server.name,
            credentials: server.credentials,
            caller,
            headers: credentialHeaders,
          },
          signal,
        ),
      request: opening,
      headers: request.headers,
      body,
      response: reply.raw,
      requestId: request.id,
      extraHeaders: extraHeaders(request, protocol),
      onLive: (session) => {
        if (chosenId !== undefined) chosenIds.add(chosenId, session)
      },
      onError: (error) => options.report(request, error),
    })
  }

  function post(
    request: FastifyRequest,
    reply: FastifyReply,
    traffic: ReturnType<typeof traffics.of>,
    { protocol, messages, body }: { protocol: Protocol; messages: Peek[]; body: Buffer },
  ): void {
    const { exchanges, ids } = countIn(traffic, messages)
    reply.hijack()
    pass({ request, reply, protocol, traffic, exchanges, ids, body, method: 'POST' })
  }

  /** Counts the requests of a POST in; answers and notifications are never counted. */
  function countIn(traffic: Traffic, messages: Peek[]): { exchanges: Exchange[]; ids: RpcId[] } {
    const exchanges: Exchange[] = []
    const ids: RpcId[] = []
    const requests = messages.filter(isRequest)
    if (traffic.size() + requests.length > maxExchanges) {
      throw new GatewayError('ERR_PROXY_TOO_MANY_EXCHANGES', {
        params: { limit: maxExchanges },
        retryAfterSeconds: 1,
      })
    }
    for (const message of messages) {
      if (message.id === undefined || !isRequest(message)) {
        traffic.fromClient(message)
      } else {
        exchanges.push(traffic.open(message))
        ids.push(message.id)
      }
    }
    return { exchanges, ids }
  }

  function handleGet(
    request: FastifyRequest,
    reply: FastifyReply,
    { protocol, release }: Asked,
    session: Session,
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
        if (stream.hasCarried(eventId)) stream.supersede()
      }
    }
    reply.hijack()
    pass({
      request,
      reply,
      protocol,
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
    protocol: Protocol
    traffic: ReturnType<typeof traffics.of>
    exchanges: Exchange[]
    ids: RpcId[]
    body: Buffer | null
    method: 'GET' | 'POST'
    isStandalone?: boolean
    onAnswer?: (() => void) | undefined
  }): void {
    const { request, reply, protocol, traffic, method } = what
    const { session } = traffic
    const recipient = recipientOf(session, request.id, session.record.workerSessionId)
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
      extraHeaders: extraHeaders(request, protocol),
      publicId: session.id,
    })
    forward({
      upstreams: traffic.upstreams,
      protocol,
      clock,
      method,
      path: recipient.endpoint.path,
      headers: protocol.toWorker(request.headers, recipient),
      body: what.body,
      downstream,
      onAnswer: what.onAnswer ?? noop,
      onForgotten: () => {
        const isRemote = session.server.launch.kind === 'remote'
        void sessions.close(session, isRemote ? 'upstream-lost' : 'worker-exited')
      },
      explainRefusal: async () => {
        const { server, principal } = session
        if (session.end === undefined) await sessions.doubt(session)
        return session.end === undefined
          ? new GatewayError('ERR_PROXY_WORKER_UNREACHABLE')
          : await sessions.explain(session.id, server.name, principal)
      },
      explainCut: () => (mayRunOutOfMemory(session) ? endOf(session, clock) : undefined),
    })
  }

  function extraHeaders(
    request: FastifyRequest,
    protocol: Protocol,
  ): Readonly<Record<string, string>> {
    const usual = guard.headersFor(request.headers.origin)
    const own = protocol.replyHeaders(request.id)
    return own === undefined ? usual : { ...usual, ...own }
  }
}

/** Its worker may have been killed for that, and whoever waits for an answer should hear of it. */
function mayRunOutOfMemory({ server: { launch } }: Session): boolean {
  return launch.kind === 'local' && launch.limits.memoryBytes !== undefined
}

/** Settles when the end of a session has begun, or when that takes too long. */
function endOf(session: Session, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const limit = clock.after(cutPauseMs, resolve)
    session.onEnding(() => {
      limit.cancel()
      resolve()
    })
  })
}

const noop = (): void => undefined

const isRequest = ({ kind }: Peek): boolean => kind === 'request'

/** The `initialize` request that opens a session. It may not stand in a batch (2025-03-26, lifecycle). */
function openingOf(posted: Posted): Peek | undefined {
  if (posted.form !== 'message') return undefined
  const [message] = posted.messages
  return message.method === 'initialize' && message.kind === 'request' ? message : undefined
}
