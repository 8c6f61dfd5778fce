import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { guarded, tellFault } from '../ground/guarded.ts'
import { inOneGo, writeChunk } from './chunk.ts'
import type { Transitions } from './machine.ts'
import { createMachine } from './machine.ts'

export type ClientEndState =
  /** It takes what comes. */
  | 'ready'
  /** It has enough for now: what is sent all the same stays in memory. */
  | 'full'
  /** Nobody is there to hear anything. */
  | 'gone'

export const clientEndTransitions: Transitions<ClientEndState, 'filled' | 'drained' | 'left'> = {
  ready: { filled: 'full', left: 'gone' },
  full: { drained: 'ready', left: 'gone' },
  gone: {},
}

/** Where an answer comes from: the part of undici's controller that is used. */
export interface Upstream {
  pause(): void
  resume(): void
  abort(reason: Error): void
}

/** The client's end of one request. What is sent after the client has gone is dropped. */
export interface ClientEnd {
  is(state: ClientEndState): boolean
  /** When a part of a stream, or its head, was sent last. */
  sentAtMs(): number
  /**
   * The head of an answer that is still to come. It leaves at once, with the first of the body.
   *
   * @param first a string is one of bytes (latin1)
   */
  head(statusCode: number, headers: OutgoingHttpHeaders, first?: Buffer | string): void
  /** @param bytes a string of bytes (latin1) */
  text(bytes: string): void
  bytes(chunk: Buffer): void
  /** A whole answer in one piece, its length included. */
  whole(
    statusCode: number,
    headers: OutgoingHttpHeaders,
    body: string | Buffer,
    encoding?: 'utf8' | 'latin1',
  ): void
  /**
   * The answer is complete.
   *
   * @param rest the last of it, as a string of bytes (latin1)
   */
  end(rest?: string): void
  /** The answer will never be complete, and the client is to notice. */
  cut(): void
  /** Calls `left` when the client goes: at once if it has. */
  watch(): void
}

export interface ClientEndOptions {
  response: ServerResponse
  clock: Clock
  /** Where the answer comes from: it pauses while the client has enough. */
  upstream(): Upstream | undefined
  left(wasFull: boolean): void
}

const onFault = tellFault('the connection of a client')

export function createClientEnd(options: ClientEndOptions): ClientEnd {
  const { response, clock } = options
  const machine = createMachine(clientEndTransitions, 'ready')
  let sentAtMs = 0

  const filled = (full: NodeJS.WritableStream): void => {
    if (!machine.take('filled')) return
    options.upstream()?.pause()
    full.once('drain', guarded(drained, onFault))
  }
  const drained = (): void => {
    if (machine.take('drained')) options.upstream()?.resume()
  }
  const left = (): void => {
    const wasFull = machine.is('full')
    if (machine.take('left')) options.left(wasFull)
  }
  const text = (part: string): void => {
    sentAtMs = clock.now()
    const full = writeChunk(response, part)
    if (full !== undefined) filled(full)
  }
  const bytes = (chunk: Buffer): void => {
    if (machine.is('gone')) return
    if (!response.write(chunk)) filled(response)
  }

  return {
    is: machine.is,
    sentAtMs: () => sentAtMs,
    head(statusCode, headers, first) {
      if (machine.is('gone')) return
      sentAtMs = clock.now()
      response.writeHead(statusCode, headers)
      if (typeof first === 'string') {
        inOneGo(response, () => {
          response.flushHeaders()
          text(first)
        })
      } else if (first === undefined) response.flushHeaders()
      else bytes(first)
    },
    text(part) {
      if (!machine.is('gone')) text(part)
    },
    bytes,
    whole(statusCode, headers, body, encoding = 'utf8') {
      if (machine.is('gone')) return
      if (statusCode !== 204 && statusCode !== 304) {
        headers['content-length'] = String(Buffer.byteLength(body, encoding))
      }
      response.writeHead(statusCode, headers)
      // What is given to `end` leaves together with an empty string, by a dearer system call.
      if (encoding === 'latin1' && response.socket !== null) {
        inOneGo(response, () => response.write(body, encoding))
        response.end()
      } else response.end(body, encoding)
    },
    end(rest = '') {
      if (machine.is('gone')) return
      // A head that could not be written is not to become a good one without anything in it.
      if (!response.headersSent) response.destroy()
      else if (rest === '') response.end()
      else {
        inOneGo(response, () => {
          writeChunk(response, rest)
          response.end()
        })
      }
    },
    cut() {
      if (!machine.is('gone')) response.destroy()
    },
    watch() {
      response.once('close', guarded(left, onFault))
      // It may have gone while its request was held.
      if (response.destroyed) left()
    },
  }
}

/** Aborted when the client of this response has gone. */
export function goneOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  const abandon = (): void => gone.abort(new GatewayError('ERR_SESSIONS_ABANDONED'))
  response.once('close', guarded(abandon, tellFault('a client that goes')))
  if (response.destroyed) abandon()
  return gone.signal
}
