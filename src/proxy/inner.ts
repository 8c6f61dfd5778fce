import type { Credentials } from '../auth/credentials.ts'
import type { Clock } from '../ground/clock.ts'
import type { HeaderMap, Peek } from '../protocols/protocol.ts'
import { serverProtocols } from '../protocols/protocols.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Quotas } from './quotas.ts'
import type { SessionEnd } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { Upstreams } from './asking.ts'
import type { Upstream } from './client-end.ts'
import type { Equipping } from './equip.ts'
import { resolverOf } from './equip.ts'
import type { From } from './from.ts'
import type { InnerSink } from './inner-stream.ts'
import { createInnerStream } from './inner-stream.ts'
import { introduce } from './introduce.ts'
import type { Passing } from './pass.ts'
import { recipientOf } from './recipient.ts'
import { checkIds, checkRoom } from './traffic.ts'
import type { TrafficOf } from './traffics.ts'

// All that others need to know of this room.
export type { Asking, Upstreams } from './asking.ts'
export type { Upstream } from './client-end.ts'
export type { From } from './from.ts'
export type { InnerSink } from './inner-stream.ts'
export type { Receiver } from './received.ts'

/**
 * The door for requests of the gateway's own to the worker of a session: the same way to it, the
 * same counting, observation and limits as for a client's.
 */
export interface InnerDoor {
  /**
   * The session that this one has at another server; a new one is initialized.
   *
   * @param params of `initialize`, as JSON
   * @throws what opening a session throws
   */
  open(
    parent: Session,
    server: Server,
    hello: { params: string; from: From },
    signal: AbortSignal,
  ): Promise<InnerOpened>
  /**
   * A session of nobody's but the gateway, which ends it. @throws what opening a session throws
   */
  openAlone(
    server: Server,
    hello: { params: string; from: From },
    signal: AbortSignal,
  ): Promise<{ session: Session; initialized: Buffer }>
  /** The same session where there is one already, here or at another gateway. */
  find(parent: Session, server: Server, from: From): Promise<Session | undefined>
  /** Sends a message once, or opens a stream. @throws ERR_PROXY_TOO_MANY_EXCHANGES, ERR_PROXY_ID_IN_USE */
  send(session: Session, what: InnerRequest, sink: InnerSink): Upstream
}

export interface InnerOpened {
  session: Session
  /** How the one before it ended. */
  before: SessionEnd | undefined
  /** What a new one has answered to `initialize`: JSON, or a stream of events. */
  initialized: Buffer | undefined
}

export interface InnerRequest {
  method: 'GET' | 'POST'
  body: Buffer | null
  /** What is in it. */
  messages: readonly Peek[]
  /** Of a stream that goes on. */
  lastEventId?: string | undefined
  from: From
  /** The worker has answered, or never will. */
  onAnswer?: () => void
}

/** The way to a worker that is a part of the gateway. */
export type Inside = (session: Session, door: InnerDoor) => Upstreams

export interface InnerOptions {
  clock: Clock
  sessions: Sessions
  credentials: Credentials
  equipping: Equipping
  quotas: Quotas | undefined
  passing: Pick<Passing, 'send'>
  trafficOf: TrafficOf
}

const protocol = serverProtocols.usual

export function createInnerDoor(options: InnerOptions): InnerDoor {
  const { sessions, passing, trafficOf } = options

  return {
    async open(parent, server, { params, from }, signal) {
      const credentials = resolverOf(options.credentials, { ...from, server })
      const allowance = options.quotas?.of(from.caller)
      const opener = { credentials, allowance }
      const opened = await sessions.members.open(parent, server, opener, signal)
      const { session, isNew, before } = opened
      if (!isNew) {
        await options.equipping.equip(session, from)
        return { session, before, initialized: undefined }
      }
      const { headers, requestId } = from
      const said = { protocol, params, headers: ofOpening(headers), requestId, from, gone: signal }
      const initialized = await introduce(options, session, said)
      return { session, before, initialized }
    },

    async openAlone(server, { params, from }, signal) {
      const { caller, headers, requestId } = from
      const credentials = await resolverOf(options.credentials, { ...from, server })?.(signal)
      const session = await sessions.open(
        server,
        { principal: caller.principal, credentials },
        signal,
      )
      const said = { protocol, params, headers: ofOpening(headers), requestId, from, gone: signal }
      return { session, initialized: await introduce(options, session, said) }
    },

    async find(parent, server, from) {
      const session = await sessions.members.lookup(parent, server)
      if (session !== undefined) await options.equipping.equip(session, from)
      return session
    },

    send(session, { method, body, messages, lastEventId, from, onAnswer }, sink) {
      const traffic = trafficOf(session)
      const requests = messages.filter(({ kind }) => kind === 'request')
      checkRoom(traffic, requests.length)
      checkIds(
        traffic,
        requests.flatMap(({ id }) => id ?? []),
      )
      for (const message of messages) if (message.kind !== 'request') traffic.fromClient(message)
      const exchanges = requests.map((request) => traffic.open(request))
      if (lastEventId !== undefined) {
        for (const exchange of traffic.withEvent(lastEventId)) {
          traffic.carry(exchange)
          exchanges.push(exchange)
        }
      }
      const isGet = method === 'GET'
      const downstream = createInnerStream({ protocol, traffic, exchanges, isGet, sink })
      const out = protocol.toWorker(from.headers, recipientOf(session, from.requestId))
      passing.send({
        traffic,
        protocol,
        method,
        headers: inPlaceOfClient(out, session, method, lastEventId),
        body,
        from,
        downstream,
        onAnswer: () => onAnswer?.(),
      })
      return {
        pause: () => downstream.upstream?.pause(),
        resume: () => downstream.upstream?.resume(),
        abort(reason) {
          downstream.abandon()
          downstream.upstream?.abort(reason)
        },
      }
    },
  }
}

/** The first request of a session says in its body which version it speaks. */
function ofOpening(headers: From['headers']): From['headers'] {
  const { 'mcp-protocol-version': _, 'last-event-id': __, ...rest } = headers
  return { ...rest, accept: accepted, 'content-type': 'application/json' }
}

const accepted = 'application/json, text/event-stream'

/** What a client says of its session and its request is about another session and another request. */
function inPlaceOfClient(
  headers: HeaderMap,
  { record }: Session,
  method: 'GET' | 'POST',
  lastEventId: string | undefined,
): HeaderMap {
  const { protocolVersion } = record
  if (protocolVersion === undefined) Reflect.deleteProperty(headers, 'mcp-protocol-version')
  else headers['mcp-protocol-version'] = protocolVersion
  if (lastEventId === undefined) Reflect.deleteProperty(headers, 'last-event-id')
  else headers['last-event-id'] = lastEventId
  // What it asks for may have another name there, and its body is written anew.
  for (const name of ['mcp-method', 'mcp-name', 'content-encoding']) {
    Reflect.deleteProperty(headers, name)
  }
  headers.accept = method === 'GET' ? 'text/event-stream' : accepted
  if (method === 'GET') Reflect.deleteProperty(headers, 'content-type')
  else headers['content-type'] = 'application/json'
  return headers
}
