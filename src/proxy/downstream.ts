import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { FaultOwner } from '../ground/guarded.ts'
import { guarded, tellFault } from '../ground/guarded.ts'
import { asGatewayError } from '../ground/replies.ts'
import { endedError } from '../sessions/ending.ts'
import { ownerOf } from '../sessions/session.ts'
import type { AnswerOptions } from './answer.ts'
import { createAnswer } from './answer.ts'
import type { Upstream } from './client-end.ts'
import { createClientEnd } from './client-end.ts'
import type { Exchange } from './exchange.ts'
import { rememberEvent } from './exchange.ts'
import type { SseEvent } from './sse.ts'
import type { ClientStream, Traffic } from './traffic.ts'

/**
 * The response to one client request. The only code that writes to a client of the data path:
 * headers, ids, keep-alives, back-pressure, counting.
 */
export interface Downstream extends ClientStream {
  /** Everything that had to be said was said, or nobody is there to hear it. */
  isDone(): boolean
  /** Where its bytes come from, as soon as there is something. */
  upstream: Upstream | undefined
  /** The head of the worker's answer. Streams are flushed at once, idle ones too. */
  head(statusCode: number, headers: IncomingHttpHeaders): void
  write(chunk: Buffer): void
  /** The worker's answer is complete. */
  end(): void
  /** There will be no (more) answer. What may still be said is said, else the connection is cut. */
  fail(error: unknown): void
}

export interface DownstreamOptions extends AnswerOptions {
  response: ServerResponse
  isStandalone: boolean
  clock: Clock
  /** Undefined as long as there is no session. */
  traffic: Traffic | undefined
  exchanges: Exchange[]
}

export const keepAliveMs = 15_000

const clientGone = new Error('The client has gone.')
const leaving = new Error('The gateway is being restarted.')
const superseded = new Error('Another stream has taken its place.')

export function createDownstream(options: DownstreamOptions): Downstream {
  const { kind, protocol, traffic, exchanges } = options
  const eventIds: string[] = []
  /** Of an exchange that this gateway does not know, because it began at another one. */
  let release: (() => void) | undefined
  const client = createClientEnd({
    response: options.response,
    clock: options.clock,
    upstream: () => downstream.upstream,
    left,
  })
  const owner = (): FaultOwner => (traffic === undefined ? {} : ownerOf(traffic.session))
  // What cannot be read is passed on all the same.
  const reader = (): ((event: SseEvent) => void) =>
    guarded(
      (event: SseEvent) => readAlong(options, eventIds, event),
      tellFault('reading along in a stream', owner()),
    )
  const answer = createAnswer(options, client, reader, broken)

  /** The answer is over. Exchanges that are not run on without it. */
  const settle = (): void => {
    release?.()
    traffic?.streams.delete(downstream)
    if (!client.is('gone')) drop(options)
  }

  /** That a client goes away is no cancellation: what it has asked for runs on. */
  function left(wasFull: boolean): void {
    if (answer.is('over')) return
    drop(options)
    if (kind === 'get') {
      downstream.abandon()
    } else {
      if (wasFull) downstream.upstream?.resume()
      traffic?.dropOrphans()
    }
  }

  function broken(thrown: unknown): void {
    tellFault('passing a stream on', owner())(thrown)
    downstream.upstream?.abort(new Error('The stream could not be passed on.'))
    fail(thrown)
  }

  const fail = (error: unknown): void => {
    if (answer.is('over')) return
    answer.read()
    if (isReadTooSlowly(error) && eventIds.length > 0) {
      // It goes on in the worker, and the client can come back for it.
      traffic?.tellFailure(options.requestId, error)
      answer.fail(error, [])
      setAdrift(options)
      settle()
      return
    }
    const unanswered = exchanges.filter(isOpen)
    if (!client.is('gone') && (kind === 'post' || unanswered.length > 0)) {
      traffic?.tellFailure(options.requestId, asGatewayError(error))
    }
    answer.fail(
      error,
      unanswered.map(({ id }) => id),
    )
    endAll(options, 'failed')
    settle()
  }

  const downstream: Downstream = {
    isGet: kind === 'get',
    isStandalone: options.isStandalone,
    upstream: undefined,
    isDone: () => answer.is('over'),
    hasCarried: (eventId) => eventIds.includes(eventId),
    write: answer.write,
    fail,

    head(statusCode, headers) {
      if (!answer.head(statusCode, headers) || !answer.is('streaming')) return
      if (exchanges.length > 0 || !protocol.carriesAnswer(headers)) return
      release = traffic?.session.carry()
    },

    end() {
      answer.read()
      const isStream = answer.is('streaming') && !protocol.isPlain
      // A stream that gave no event id cannot be resumed: no answer is to be expected any more.
      // One that was resumed can be resumed again.
      const isLost = kind === 'post' && eventIds.length === 0 && exchanges.some(isOpen)
      if (answer.is('waiting') || (isStream && isLost)) {
        fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
      } else if (!answer.is('over')) {
        answer.end()
        if (isStream) setAdrift(options)
        // To a GET a plain answer only says that nothing can be resumed this way.
        else if (kind === 'post') endAll(options, 'answered')
        settle()
      }
    },

    supersede() {
      if (answer.is('over')) return
      answer.read()
      answer.close()
      settle()
      downstream.upstream?.abort(superseded)
    },

    isOrphan: () => kind === 'post' && client.is('gone') && !exchanges.some(isOpen),

    abandon() {
      if (answer.is('over')) return
      answer.close()
      settle()
      downstream.upstream?.abort(clientGone)
    },

    sessionEnded() {
      const { end = { reason: 'stopped', atMs: options.clock.now() } } = traffic?.session ?? {}
      const error = endedError(end)
      fail(error)
      downstream.upstream?.abort(error)
    },

    leave() {
      if (answer.is('over')) return
      answer.read()
      const canGoOn = !protocol.isPlain && (kind === 'get' || eventIds.length > 0)
      if (canGoOn && answer.atBoundary()) {
        answer.close()
        settle()
      } else {
        fail(new GatewayError('ERR_SESSIONS_LEAVING'))
      }
      downstream.upstream?.abort(leaving)
    },

    keepAlive(nowMs) {
      if (protocol.isPlain || !answer.atBoundary() || !client.is('ready')) return
      if (nowMs - client.sentAtMs() >= keepAliveMs) answer.comment(': keepalive\n\n')
    },
  }
  traffic?.streams.add(downstream)
  client.watch()
  return downstream
}

interface Carried {
  traffic: Traffic | undefined
  exchanges: Exchange[]
}

const isOpen = ({ isOver }: Exchange): boolean => !isOver

const isReadTooSlowly = (error: unknown): error is GatewayError =>
  error instanceof GatewayError && error.code === 'ERR_PROXY_READ_TOO_SLOWLY'

function drop({ traffic, exchanges }: Carried): void {
  for (const exchange of exchanges) if (isOpen(exchange)) traffic?.drop(exchange)
}

function setAdrift({ traffic, exchanges }: Carried): void {
  for (const exchange of exchanges) if (isOpen(exchange)) traffic?.setAdrift(exchange)
}

function endAll({ traffic, exchanges }: Carried, outcome: 'answered' | 'failed'): void {
  for (const exchange of exchanges) traffic?.end(exchange, outcome)
}

/** Notes what the worker says in an event of a stream, and from where the stream can be resumed. */
function readAlong(
  { protocol, traffic, exchanges }: DownstreamOptions,
  eventIds: string[],
  { data, id, isCut }: SseEvent,
): void {
  // To resume it would be the server's business, if that knows how.
  if (protocol.isPlain) return
  if (id !== undefined) {
    rememberEvent(eventIds, id)
    for (const exchange of exchanges) rememberEvent(exchange.eventIds, id)
  }
  if (data === '' || traffic === undefined) return
  const read = protocol.readMessage(data, isCut)
  if (Array.isArray(read)) for (const message of read) traffic.fromWorker(message, exchanges)
  else traffic.fromWorker(read, exchanges)
}
