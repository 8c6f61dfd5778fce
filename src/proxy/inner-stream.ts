import type { IncomingHttpHeaders } from 'node:http'

import { GatewayError } from '../ground/errors.ts'
import { asGatewayError } from '../ground/replies.ts'
import { createPile } from '../ground/pile.ts'
import { partsOf } from '../protocols/batch.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import { endedError } from '../sessions/ending.ts'
import type { Upstream } from './client-end.ts'
import type { Downstream } from './downstream.ts'
import type { Exchange } from './exchange.ts'
import { rememberEvent } from './exchange.ts'
import { failedWith } from './worker-errors.ts'
import type { Traffic } from './traffic.ts'
import { createEventReader } from '../ground/whole-events.ts'

/**
 * Who is told what a worker answers to a request that is the gateway's own. Messages come one by one,
 * also those of a batch: whoever looks at one must not pass on others with it.
 */
export interface InnerSink {
  /** Of a stream: it is there, and may be silent for long. */
  open(): void
  /** What an event of it brought; without a message: nothing but an id. */
  event(text: string, message: Peek | undefined, id: string | undefined): void
  /** What the answer was, where it is no stream. */
  answer(text: string, message: Peek): void
  /** Nothing more comes. Without an answer before it: what was sent was taken. */
  end(): void
  /** Instead of `end`. */
  fail(error: GatewayError): void
}

interface Read {
  text: string
  message: Peek
}

/** An answer is held until it is whole; so long may it be. */
const longestAnswer = 32 * 1024 * 1024

/**
 * Stands where a client's response would: the same counting and the same observation, and what comes
 * is given to the gateway itself.
 */
export function createInnerStream(options: {
  protocol: Protocol
  traffic: Traffic
  exchanges: Exchange[]
  isGet: boolean
  sink: InnerSink
}): Downstream {
  const { protocol, traffic, exchanges, isGet, sink } = options
  const eventIds: string[] = []
  const body = createPile()
  let kind: 'waiting' | 'stream' | 'answer' | 'over' = 'waiting'
  let statusCode = 0

  const readIn = (text: string): Read[] => {
    const read = protocol.readMessage(text, false)
    if (!Array.isArray(read)) return [{ text, message: read }]
    const parts = partsOf(text)
    return read.map((message, index) => ({ text: parts[index] ?? '', message }))
  }
  const push = createEventReader(({ data, id }) => {
    if (kind !== 'stream') return
    if (id !== undefined) {
      rememberEvent(eventIds, id)
      for (const exchange of exchanges) rememberEvent(exchange.eventIds, id)
    }
    if (data === '') sink.event('', undefined, id)
    else for (const { text, message } of observed(readIn(data))) sink.event(text, message, id)
  })
  const observed = (all: Read[]): Read[] => {
    for (const { message } of all) traffic.fromWorker(message, exchanges)
    return all
  }
  const settle = (): boolean => {
    if (kind === 'over') return false
    kind = 'over'
    traffic.streams.delete(stream)
    return true
  }
  const fail = (thrown: unknown): void => {
    if (!settle()) return
    for (const exchange of exchanges) traffic.end(exchange, 'failed')
    sink.fail(asGatewayError(thrown))
  }
  const breakOff = (error: GatewayError): void => {
    fail(error)
    stream.upstream?.abort(error)
  }

  const stream: Downstream = {
    isGet,
    isStandalone: isGet,
    upstream: undefined as Upstream | undefined,
    isDone: () => kind === 'over',
    head(status: number, headers: IncomingHttpHeaders) {
      if (kind !== 'waiting') return
      statusCode = status
      kind = protocol.isStream(headers['content-type']) ? 'stream' : 'answer'
      if (kind === 'stream') sink.open()
    },
    write(chunk) {
      if (kind === 'stream') {
        if (!push(chunk)) breakOff(new GatewayError('ERR_PROXY_WORKER_CUT'))
      } else if (kind === 'answer') {
        body.add(chunk)
        if (body.bytes > longestAnswer) breakOff(new GatewayError('ERR_PROXY_WORKER_CUT'))
      }
    },
    end() {
      if (kind === 'over') return
      if (kind === 'waiting') {
        fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
      } else if (kind === 'stream') {
        const isLost = !isGet && eventIds.length === 0 && exchanges.some((one) => !one.isOver)
        if (isLost) fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
        else {
          for (const one of exchanges) if (!one.isOver) traffic.setAdrift(one)
          settle()
          sink.end()
        }
      } else {
        answered()
      }
    },
    fail,
    hasCarried: (eventId) => eventIds.includes(eventId),
    supersede: () => breakOff(new GatewayError('ERR_SESSIONS_LEAVING')),
    isOrphan: () => false,
    abandon: () => breakOff(new GatewayError('ERR_SESSIONS_LEAVING')),
    sessionEnded() {
      const { end = { reason: 'stopped' as const, atMs: 0 } } = traffic.session
      breakOff(endedError(end))
    },
    leave: () => breakOff(new GatewayError('ERR_SESSIONS_LEAVING')),
    // Its client has a stream of its own, with keep-alives of its own.
    keepAlive: () => undefined,
  }

  /** A plain answer, whole: a message, an error in HTTP alone, or that something was taken. */
  function answered(): void {
    const bytes = body.take()
    const read = bytes.length === 0 ? [] : readIn(bytes.toString('utf8'))
    const isMessage = read.some(({ message }) => message.kind !== 'invalid')
    if (!isMessage && (statusCode >= 300 || exchanges.length > 0)) {
      fail(failedWith(statusCode))
      return
    }
    if (isMessage) observed(read)
    for (const exchange of exchanges) traffic.end(exchange, 'answered')
    settle()
    if (isMessage) for (const { text, message } of read) sink.answer(text, message)
    sink.end()
  }

  traffic.streams.add(stream)
  return stream
}
