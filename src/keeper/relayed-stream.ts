import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Clock } from '../ground/clock.ts'

import { passedHeaders } from './passed-headers.ts'
import { createSseCutter, withoutId } from './sse-parts.ts'
import type { SsePart } from './sse-parts.ts'
import type { Streams } from './streams.ts'

/** A stream of an HTTP server that is read whether or not somebody is there to hear it. */
export interface RelayedStream {
  readonly key: string
  /** Makes this response its connection, and sends what was not sent yet. */
  open(response: ServerResponse): void
  /** Ends it here and at the server. */
  end(): void
}

export interface RelayedStreamOptions {
  clock: Clock
  streams: Streams<ServerResponse>
  prefix: string
  isStandalone: boolean
  canPrime: () => boolean
  /** The head of it has come. */
  answer: IncomingMessage
  response: ServerResponse
  /** So many bytes of it have come. */
  onBytes(count: number): void
  /** The server gives its events ids. */
  onOwnIds(): void
  /** The keeper does not have it any more, or no more of it will come. */
  onEnd(): void
}

/** How long the server has for a first event, whose id, or lack of one, decides. */
const undecidedMs = 20

export function keepStream(options: RelayedStreamOptions): RelayedStream {
  const { answer, response, streams, prefix, isStandalone, canPrime } = options
  const { 'content-length': _length, ...headers } = passedHeaders(answer)
  const cutter = createSseCutter()
  const stream = streams.create({ prefix, headers, canPrime, isStandalone, onRoom })
  /** The client knows it by an id of the keeper's. */
  let isNumbered = false
  const priming = options.clock.after(undecidedMs, () => (isNumbered ||= stream.prime()))

  function onRoom(): void {
    if (stream.hasRoom()) answer.resume()
    else answer.pause()
  }

  function take(bytes: Buffer): void {
    options.onBytes(bytes.length)
    const parts = cutter.push(bytes.toString('latin1'))
    const isGiven = parts.some(({ hasId }) => hasId)
    if (isGiven) options.onOwnIds()
    if (cutter.isLost() || (isGiven && isServers(parts))) {
      release(parts)
      return
    }
    number(isGiven ? parts.map(withoutId) : parts)
    if (!stream.hasRoom()) answer.pause()
  }

  function number(parts: SsePart[]): void {
    if (!isNumbered && parts.some(({ isEvent }) => isEvent)) {
      isNumbered = true
      priming.cancel()
    }
    stream.sendParts(parts)
  }

  /** Whether the client is to know the stream by the ids of the server: by the first it sees. */
  function isServers(parts: SsePart[]): boolean {
    const first = parts.find(({ isEvent, hasId }) => isEvent || hasId)
    return !isNumbered && first?.hasId === true && stream.isLive()
  }

  /** From here on it is passed as it comes. */
  function release(parts: SsePart[]): void {
    priming.cancel()
    answer.off('data', take)
    options.onEnd()
    const connection = stream.letGo()
    if (connection === undefined) {
      answer.destroy()
      return
    }
    connection.write(parts.map(({ bytes }) => bytes).join('') + cutter.rest(), 'latin1')
    pour(answer, connection)
  }

  stream.begin(response)
  answer.on('data', take)
  answer.once('end', () => {
    priming.cancel()
    options.onEnd()
    const rest = cutter.rest()
    if (rest !== '') stream.sendParts([{ bytes: rest, isEvent: false, hasId: false }])
    stream.finish()
  })
  answer.once('error', () => {
    priming.cancel()
    options.onEnd()
    stream.breakOff()
  })

  return {
    key: stream.key,
    open: stream.open,
    end() {
      stream.finish()
      answer.destroy()
    },
  }
}

/** Passes the body of an answer on, byte for byte; each side hears when the other has gone. */
export function pour(answer: IncomingMessage, response: ServerResponse): void {
  answer.pipe(response)
  answer.once('error', () => response.destroy())
  response.once('close', () => answer.destroy())
}
