import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import { FewSet } from '../ground/few.ts'
import type { Hold } from '../ground/hold.ts'
import { createHold } from '../ground/hold.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { idKey } from '../ground/jsonrpc.ts'
import { escapedInJson } from '../ground/terminal.ts'
import type { Peek } from '../protocols/protocol.ts'
import { explain } from '../ground/replies.ts'
import type { Session } from '../sessions/session.ts'
import type { Exchange } from './exchange.ts'
import { createObserver } from './observe.ts'

/** A response to a client, as far as the session that it belongs to has to do with it. */
export interface ClientStream {
  /** A GET. It ends when its client goes; what a POST has asked for does not. */
  readonly isGet: boolean
  /** A GET without Last-Event-ID: there is one of it in a session. */
  readonly isStandalone: boolean
  /** Whether it was this stream that carried the event: one of its last few dozen. */
  hasCarried(eventId: string): boolean
  /** Another stream of the client has taken its place. */
  supersede(): void
  /** A POST whose client has gone, and of which no answer is awaited any more. */
  isOrphan(): boolean
  /** What may still come of the worker is not waited for. */
  abandon(): void
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
  readonly streams: FewSet<ClientStream>
  /** How many exchanges are in progress on a stream of this gateway. */
  size(): number
  /** Counts a request in, carried by the connection it came on. */
  open(request: Peek): Exchange
  carry(exchange: Exchange): void
  drop(exchange: Exchange): void
  /** No stream of it is open: its answer comes when a client resumes one, here or elsewhere. */
  setAdrift(exchange: Exchange): void
  /** A client has gone. What nobody waits for keeps a connection to the worker, and not too many. */
  dropOrphans(): void
  end(exchange: Exchange, outcome: 'answered' | 'cancelled' | 'failed'): void
  /**
   * Whether a request with this id waits for its answer here. What another gateway may have
   * answered meanwhile does not count.
   */
  isAwaited(id: RpcId): boolean
  /** The exchanges whose stream carried this event id. */
  withEvent(eventId: string): Exchange[]
  /**
   * A message that the worker sent, on whatever stream.
   *
   * @param carried the exchanges of that stream, which an answer on it belongs to first of all
   */
  fromWorker(message: Peek, carried?: readonly Exchange[]): void
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

/** One of them is all that a client needs, and one for each that it resumes. */
const maxGetStreams = 100

/** @throws ERR_PROXY_TOO_MANY_STREAMS when a session has as many as it may */
export function checkStreams({ streams }: Traffic): void {
  let open = 0
  for (const { isGet } of streams) if (isGet) open += 1
  if (open < maxGetStreams) return
  throw new GatewayError('ERR_PROXY_TOO_MANY_STREAMS', {
    params: { limit: maxGetStreams },
    retryAfterSeconds: 1,
  })
}

/**
 * A server knows its streams by the ids of the requests: of two with one id the first would get no
 * answer, and the second that of the first. A server that keeps no sessions has nothing to confuse,
 * and several clients with ids of their own may share a session of it.
 *
 * @throws ERR_PROXY_ID_IN_USE
 */
export function checkIds(traffic: Traffic, ids: readonly RpcId[]): void {
  if (traffic.session.server.mode === 'stateless') return
  const seen = ids.length > 1 ? new Set<string>() : undefined
  for (const id of ids) {
    if (traffic.isAwaited(id) || seen?.has(idKey(id)) === true) {
      throw new GatewayError('ERR_PROXY_ID_IN_USE', { params: { id: shownId(id) } })
    }
    seen?.add(idKey(id))
  }
}

/** The number 1 and the string "1" look different. */
function shownId(id: RpcId): string {
  return escapedInJson(JSON.stringify(typeof id === 'string' ? id.slice(0, 80) : id))
}

/** So many exchanges without a stream are remembered of a session. */
const maxAdrift = 64

/**
 * So many POSTs of a session run on that nobody waits for. A worker need not answer what was
 * cancelled, and each would have its connection for as long as the session lives.
 */
const maxOrphans = 64

export function createTraffic(session: Session, clock: Clock, events: Events): Traffic {
  const open = new FewSet<Exchange>()
  const adrift = new Set<Exchange>()
  /** Of several with one id, which only a server without sessions is sent, the newest. */
  const find = (key: string): Exchange | undefined => open.newest((one) => one.key === key)
  const observer = createObserver(session, clock, events)
  const handle = session.handle
  const server = session.server.name

  const traffic: Traffic = {
    session,
    hold: createHold(clock),
    streams: new FewSet(),
    size: () => open.size - adrift.size,

    open(request) {
      const id = request.id ?? ''
      const method = request.method ?? ''
      const key = idKey(id)
      const exchange: Exchange = {
        id,
        key,
        method,
        startedAtMs: clock.now(),
        carriers: 0,
        release: undefined,
        eventIds: [],
        isOver: false,
        onOver: undefined,
      }
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
      // Whether another gateway has answered it is not told here.
      if (session.isShared) exchange.onOver?.()
      // Answered at another gateway, it would stay here for ever.
      const [oldest] = adrift
      if (adrift.size > maxAdrift && oldest !== undefined) traffic.end(oldest, 'failed')
    },

    dropOrphans() {
      const orphans = [...traffic.streams].filter((stream) => stream.isOrphan())
      for (const stream of orphans.slice(0, -maxOrphans)) stream.abandon()
    },

    end(exchange, outcome) {
      if (exchange.isOver) return
      exchange.isOver = true
      open.delete(exchange)
      adrift.delete(exchange)
      exchange.release?.()
      exchange.release = undefined
      exchange.onOver?.()
      const durationMs = clock.now() - exchange.startedAtMs
      events.emit('exchange.ended', {
        session: handle,
        server,
        method: exchange.method,
        outcome,
        durationMs,
      })
    },

    isAwaited(id) {
      const exchange = find(idKey(id))
      return exchange !== undefined && !(session.isShared && adrift.has(exchange))
    },

    withEvent: (eventId) => [...open].filter(({ eventIds }) => eventIds.includes(eventId)),

    fromWorker(message, carried = []) {
      if (message.kind === 'response' && message.id !== undefined) {
        const key = idKey(message.id)
        const isMeant = (carries: Exchange): boolean => !carries.isOver && carries.key === key
        const exchange = carried.find(isMeant) ?? find(key)
        if (exchange !== undefined) traffic.end(exchange, 'answered')
      } else {
        observer.fromWorker(message)
      }
    },

    fromClient(message) {
      if (message.cancels !== undefined) {
        const exchange = find(idKey(message.cancels))
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
