import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import type { HeaderMap, Protocol } from '../protocols/protocol.ts'
import { asGatewayError } from '../ground/replies.ts'
import { endedError } from '../sessions/ending.ts'
import { writeChunk } from './chunk.ts'
import type { Exchange } from './exchange.ts'
import { rememberEvent } from './exchange.ts'
import type { SseReader } from './sse.ts'
import { createSseReader } from './sse.ts'
import type { ClientStream, Traffic } from './traffic.ts'

/**
 * The response to one client request. The only code that writes to a client of the data path:
 * headers, ids, keep-alives, back-pressure, counting.
 */
export interface Downstream extends ClientStream {
  readonly kind: 'post' | 'get'
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

/** The part of undici's controller that is used. */
export interface Upstream {
  pause(): void
  resume(): void
  abort(reason: Error): void
}

export interface DownstreamOptions {
  response: ServerResponse
  kind: 'post' | 'get'
  isStandalone: boolean
  protocol: Protocol
  clock: Clock
  /** Undefined as long as there is no session. */
  traffic: Traffic | undefined
  exchanges: Exchange[]
  /** Ids of the requests that it answers, for errors. */
  ids: RpcId[]
  requestId: string
  /** For every reply: CORS. */
  extraHeaders: Readonly<Record<string, string>>
  publicId: string | undefined
}

export const keepAliveMs = 15_000

/** A plain answer up to this size is sent in one piece, and can become an error until then. */
const heldBytes = 64 * 1024

const stringBytes = 16 * 1024

const clientGone = new Error('The client has gone.')
const leaving = new Error('The gateway is being restarted.')
const superseded = new Error('Another stream has taken its place.')

export function createDownstream(options: DownstreamOptions): Downstream {
  const { response, kind, protocol, clock, traffic, exchanges, requestId } = options
  let state: 'waiting' | 'plain' | 'passing' | 'streaming' | 'done' = 'waiting'
  let reader: SseReader | undefined
  let plain: { statusCode: number; headers: HeaderMap } | undefined
  let chunks: Buffer[] = []
  let chunkBytes = 0
  /** What of a stream is to leave next, as a string of bytes. */
  let streamed = ''
  let isPaused = false
  let isClientGone = false
  const eventIds: string[] = []
  let lastWriteMs = 0
  /** Of an exchange that this gateway does not know, because it began at another one. */
  let release: (() => void) | undefined

  const done = (): void => {
    if (state === 'done') return
    state = 'done'
    release?.()
    if (traffic === undefined) return
    traffic.streams.delete(downstream)
    if (isClientGone) return
    for (const exchange of exchanges) if (!exchange.isOver) traffic.drop(exchange)
  }

  const onEvent = (data: string, id: string | undefined, isCut: boolean): void => {
    // To resume it would be the server's business, if that knows how.
    if (protocol.isPlain) return
    if (id !== undefined) {
      rememberEvent(eventIds, id)
      for (const exchange of exchanges) rememberEvent(exchange.eventIds, id)
    }
    if (data === '' || traffic === undefined) return
    const read = protocol.readMessage(data, isCut)
    if (Array.isArray(read)) for (const message of read) traffic.fromWorker(message)
    else traffic.fromWorker(read)
  }

  /** What came in one go from the worker leaves in one go. */
  const flush = (): void => {
    if (streamed === '' || state !== 'streaming') return
    const bytes = streamed
    streamed = ''
    reader?.push(bytes)
    if (!isClientGone) sendText(bytes)
  }

  const sendText = (bytes: string): void => {
    lastWriteMs = clock.now()
    pauseUntilDrained(writeChunk(response, bytes))
  }
  const send = (bytes: Buffer): void => {
    pauseUntilDrained(response.write(bytes) ? undefined : response)
  }
  const pauseUntilDrained = (full: NodeJS.WritableStream | undefined): void => {
    if (full === undefined || isPaused) return
    isPaused = true
    downstream.upstream?.pause()
    full.once('drain', resume)
  }
  const resume = (): void => {
    isPaused = false
    downstream.upstream?.resume()
  }

  const unanswered = (): Exchange[] => exchanges.filter(({ isOver }) => !isOver)
  /** A plain answer is the answer; to a GET it only says that nothing can be resumed this way. */
  const answered = (): void => {
    if (kind === 'get') return
    for (const exchange of unanswered()) traffic?.end(exchange, 'answered')
  }

  const leave = (): void => {
    if (state === 'done') return
    isClientGone = true
    for (const exchange of unanswered()) traffic?.drop(exchange)
    if (kind === 'get') {
      done()
      downstream.upstream?.abort(clientGone)
    } else if (isPaused) {
      // Nobody listens, but the exchange runs on: that a client goes away is no cancellation.
      resume()
    }
  }
  response.once('close', leave)

  const downstream: Downstream = {
    kind,
    isStandalone: options.isStandalone,
    upstream: undefined,
    isDone: () => state === 'done',
    hasCarried: (eventId) => eventIds.includes(eventId),

    head(statusCode, headers) {
      if (state !== 'waiting') return
      const out = protocol.toClient(headers, options.publicId)
      Object.assign(out, options.extraHeaders)
      if (!protocol.isStream(headers['content-type'])) {
        state = 'plain'
        plain = { statusCode, headers: out }
        // Its end is not known yet, so that it may be a stream of another kind.
        if (protocol.isPlain && headers['content-length'] === undefined) pass()
        return
      }
      state = 'streaming'
      if (exchanges.length === 0 && protocol.carriesAnswer(headers)) {
        release = traffic?.session.carry()
      }
      reader = createSseReader(({ data, id, isCut }) => onEvent(data, id, isCut))
      if (isClientGone) return
      // What the worker meant to write is not all that may be written.
      delete out['content-length']
      out['cache-control'] ??= 'no-cache, no-transform'
      out['x-accel-buffering'] ??= 'no'
      lastWriteMs = clock.now()
      response.writeHead(statusCode, out)
      response.flushHeaders()
    },

    write(chunk) {
      if (state === 'streaming') {
        if (streamed === '') process.nextTick(flush)
        streamed += chunk.toString('latin1')
      } else if (state === 'plain') {
        chunks.push(chunk)
        chunkBytes += chunk.length
        if (chunkBytes > heldBytes) pass()
      } else if (state === 'passing' && !isClientGone) {
        send(chunk)
      }
    },

    end() {
      if (state === 'plain') {
        sendPlain()
        answered()
      } else if (state === 'passing') {
        answered()
        if (!isClientGone) response.end()
      } else if (state === 'streaming') {
        flush()
        if (protocol.isPlain) answered()
        const left = unanswered()
        // A stream that gave no event id cannot be resumed: no answer is to be expected any more.
        // One that was resumed can be resumed again.
        if (left.length > 0 && eventIds.length === 0 && kind === 'post') {
          downstream.fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
          return
        }
        for (const exchange of left) traffic?.setAdrift(exchange)
        if (!isClientGone) response.end()
      } else {
        downstream.fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
        return
      }
      done()
    },

    fail(error) {
      if (state === 'done') return
      flush()
      const left = unanswered()
      if (!isClientGone) {
        if (kind === 'post' || left.length > 0)
          traffic?.tellFailure(requestId, asGatewayError(error))
        sayError(error, left)
      }
      for (const exchange of left) traffic?.end(exchange, 'failed')
      done()
    },

    supersede() {
      if (state === 'done') return
      flush()
      if (!isClientGone) {
        if (state === 'streaming') response.end()
        else response.destroy()
      }
      done()
      downstream.upstream?.abort(superseded)
    },

    sessionEnded() {
      const error = endedError(traffic?.session.end ?? { reason: 'stopped', atMs: clock.now() })
      downstream.fail(error)
      downstream.upstream?.abort(error)
    },

    leave() {
      if (state === 'done') return
      flush()
      if (protocol.isPlain) {
        downstream.fail(new GatewayError('ERR_SESSIONS_LEAVING'))
        downstream.upstream?.abort(leaving)
        return
      }
      const goesOn = kind === 'get' || eventIds.length > 0
      if (state === 'streaming' && goesOn && reader?.atBoundary() === true) {
        if (!isClientGone) response.end()
        done()
      } else {
        downstream.fail(new GatewayError('ERR_SESSIONS_LEAVING'))
      }
      downstream.upstream?.abort(leaving)
    },

    keepAlive(nowMs) {
      if (state !== 'streaming' || protocol.isPlain) return
      if (isClientGone || isPaused || streamed !== '') return
      if (nowMs - lastWriteMs < keepAliveMs || reader?.atBoundary() !== true) return
      sendText(': keepalive\n\n')
    },
  }
  traffic?.streams.add(downstream)
  // It may have gone while its request was held.
  if (response.destroyed) leave()
  return downstream

  function sendPlain(): void {
    if (isClientGone || plain === undefined) return
    const { statusCode, headers } = plain
    if (statusCode !== 204 && statusCode !== 304) headers['content-length'] = String(chunkBytes)
    response.writeHead(statusCode, headers)
    const [only] = chunks
    const body = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)
    // As a string of bytes it leaves in one piece with the head; a buffer would be written apart.
    if (chunkBytes <= stringBytes) response.end(body.toString('latin1'), 'latin1')
    else response.end(body)
  }

  /** From here on it is too late for an error of our own. */
  function pass(): void {
    state = 'passing'
    if (!isClientGone && plain !== undefined) {
      response.writeHead(plain.statusCode, plain.headers)
      if (chunkBytes > 0) send(Buffer.concat(chunks))
      else response.flushHeaders()
    }
    chunks = []
  }

  function sayError(error: unknown, left: Exchange[]): void {
    if (state === 'waiting' || state === 'plain') {
      const { ids, publicId } = options
      const to = kind === 'get' ? 'stream' : 'message'
      const reply = protocol.reply(error, { requestId, ids, publicId, to })
      response.writeHead(reply.statusCode, { ...options.extraHeaders, ...reply.headers })
      response.end(reply.body)
    } else if (state === 'streaming' && reader?.atBoundary() === true && !protocol.isPlain) {
      for (const { id } of left) response.write(protocol.errorEvent(error, requestId, id))
      response.end()
    } else {
      response.destroy()
    }
  }
}
