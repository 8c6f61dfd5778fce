import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import type { Hold } from '../ground/hold.ts'
import { createHold } from '../ground/hold.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { idKey } from '../ground/jsonrpc.ts'
import type { Peek } from '../protocols/protocol.ts'
import { explain } from '../ground/replies.ts'
import type { Session } from '../sessions/session.ts'
import type { Exchange } from './exchange.ts'
import { createObserver } from './observe.ts'

/** A response to a client, as far as the session that it belongs to has to do with it. */
export interface ClientStream {
  /** A GET without Last-Event-ID: there is one of it in a session. */
  readonly isStandalone: boolean
  /** Whether it was this stream that carried the event: one of its last few dozen. */
  hasCarried(eventId: string): boolean
  /** Another stream of the client has taken its place. */
  supersede(): void
  sessionEnded(): void
  /** The gateway goes and the session stays: the client is to come back where it left off. */
  leave(): void
  /** Sends a comment if it has been silent for long and is between two events. */
  keepAlive(nowMs: number): void
}

/** What goes on between the clients and the worker of one session. */
export interface Traffic {
  readonly session: Session
  readonly hold: Hold
  /** Every response to a client of this session that is not finished. */
  readonly streams: Set<ClientStream>
  /** How many exchanges are in progress on a stream of this gateway. */
  size(): number
  /** Counts a request in, carried by the connection it came on. */
  open(request: Peek): Exchange
  carry(exchange: Exchange): void
  drop(exchange: Exchange): void
  /** No stream of it is open: its answer comes when a client resumes one, here or elsewhere. */
  setAdrift(exchange: Exchange): void
  end(exchange: Exchange, outcome: 'answered' | 'cancelled' | 'failed'): void
  /** The open exchange with this request id. */
  find(id: RpcId): Exchange | undefined
  /** The exchanges whose stream carried this event id. */
  withEvent(eventId: string): Exchange[]
  /** A message that the worker sent, on whatever stream. */
  fromWorker(message: Peek): void
  /** A message that a client POSTed, but for requests, which are opened. */
  fromClient(message: Peek): void
  /** Tells of an error that a client was answered with in place of the worker's answer. */
  tellFailure(requestId: string, error: GatewayError): void
}

/** A session may have so many requests in progress; answers are never counted. */
const maxExchanges = 64

/** @throws ERR_PROXY_TOO_MANY_EXCHANGES when there is none for so many more */
export function checkRoom(traffic: Traffic, more: number): void {
  if (traffic.size() + more <= maxExchanges) return
  throw new GatewayError('ERR_PROXY_TOO_MANY_EXCHANGES', {
    params: { limit: maxExchanges },
    retryAfterSeconds: 1,
  })
}

/** So many exchanges without a stream are remembered of a session. */
const maxAdrift = 64

export function createTraffic(session: Session, clock: Clock, events: Events): Traffic {
  /** By request id: of several with one, which no client should send, the newest. */
  const exchanges = new Map<string, Exchange>()
  const open = new Set<Exchange>()
  const adrift = new Set<Exchange>()
  const observer = createObserver(session, clock, events)
  const handle = session.handle
  const server = session.server.name

  const traffic: Traffic = {
    session,
    hold: createHold(clock),
    streams: new Set(),
    size: () => open.size - adrift.size,

    open(request) {
      const id = request.id ?? ''
      const method = request.method ?? ''
      const exchange: Exchange = {
        id,
        method,
        startedAtMs: clock.now(),
        carriers: 0,
        release: undefined,
        eventIds: [],
        isOver: false,
      }
      exchanges.set(idKey(id), exchange)
      open.add(exchange)
      if (method === 'tools/call' || method === 'invocations') session.counts.calls += 1
      traffic.carry(exchange)
      events.emit('exchange.started', { session: handle, server, method })
      return exchange
    },

    carry(exchange) {
      if (exchange.isOver) return
      adrift.delete(exchange)
      exchange.carriers += 1
      // A ping is no activity: a client that only pings does not keep its session alive.
      if (exchange.method !== 'ping') exchange.release ??= session.carry()
    },

    drop(exchange) {
      exchange.carriers -= 1
      if (exchange.carriers > 0) return
      exchange.release?.()
      exchange.release = undefined
    },

    setAdrift(exchange) {
      adrift.add(exchange)
      // Answered at another gateway, it would stay here for ever.
      const [oldest] = adrift
      if (adrift.size > maxAdrift && oldest !== undefined) traffic.end(oldest, 'failed')
    },

    end(exchange, outcome) {
      if (exchange.isOver) return
      exchange.isOver = true
      open.delete(exchange)
      adrift.delete(exchange)
      exchange.release?.()
      exchange.release = undefined
      const key = idKey(exchange.id)
      if (exchanges.get(key) === exchange) exchanges.delete(key)
      const durationMs = clock.now() - exchange.startedAtMs
      events.emit('exchange.ended', {
        session: handle,
        server,
        method: exchange.method,
        outcome,
        durationMs,
      })
    },

    find: (id) => exchanges.get(idKey(id)),

    withEvent: (eventId) => [...open].filter(({ eventIds }) => eventIds.includes(eventId)),

    fromWorker(message) {
      if (message.kind === 'response' && message.id !== undefined) {
        const exchange = exchanges.get(idKey(message.id))
        if (exchange !== undefined) traffic.end(exchange, 'answered')
      } else {
        observer.fromWorker(message)
      }
    },

    fromClient(message) {
      if (message.cancels !== undefined) {
        const exchange = exchanges.get(idKey(message.cancels))
        if (exchange !== undefined) traffic.end(exchange, 'cancelled')
      }
      const answers = observer.fromClient(message)
      // Another gateway may have seen it asked, and counts the exchange that it belongs to.
      const isForeign = message.kind === 'response' && answers === undefined && session.isShared
      if (answers !== 'ping' && !isForeign) session.touch()
    },

    tellFailure(requestId, error) {
      const { code, statusCode } = error
      events.emit('request.failed', { requestId, code, statusCode, cause: explain(error) })
    },
  }

  session.onEnding(() => {
    for (const stream of [...traffic.streams]) stream.sessionEnded()
    for (const exchange of [...open]) traffic.end(exchange, 'failed')
  })
  return traffic
}
