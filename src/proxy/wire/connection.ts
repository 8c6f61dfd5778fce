import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'

import type { Clock, Timer } from '../../ground/clock.ts'
import type { OnFault } from '../../ground/guarded.ts'
import { guarded } from '../../ground/guarded.ts'
import { connectTimeoutCode } from '../../ground/unreached.ts'
import type { Sending } from './body.ts'
import { sendBody } from './body.ts'
import type { Carrier, Errand } from './errand.ts'
import type { Head } from './head.ts'
import { createParser } from './parser.ts'

/** One connection to a worker: it carries one request after another, and each is written once. */
export interface Connection {
  /** It must be usable. */
  send(errand: Errand, request: Request): void
  /** Whether it may carry another request: none that the worker may be about to close. */
  isUsable(nowMs: number): boolean
  /** Since when it carries nothing. */
  idleSinceMs(): number
  destroy(): void
}

/** What is written. */
export interface Request {
  method: string
  /** A string of bytes. */
  head: string
  body: Buffer | Readable | null
  /** How long the body is. */
  length: number
}

export interface ConnectionOptions {
  place: { path: string } | { host: string; port: number }
  clock: Clock
  tell: OnFault
  /** It can carry another request. */
  onFree(connection: Connection): void
  onClosed(connection: Connection): void
}

const connectMs = 10_000
/**
 * How long an idle connection is used of which the worker does not say how long it keeps it: uvicorn
 * keeps them for 5 s and says nothing.
 */
export const idleMs = 4000
/** So much earlier than the worker says it is given up: a request must not meet its end. */
const marginMs = 2000
const longestIdleMs = 600_000
/** A body up to this size leaves in one piece with its head. */
const pieceBytes = 16 * 1024

/**
 * Where the sockets read into, one after another: what they read is dealt with before the next one
 * reads, and what is kept of it is copied. One for each would be memory of the session.
 */
const readInto = Buffer.allocUnsafeSlow(64 * 1024)

export function openConnection(options: ConnectionOptions): Connection {
  const { clock, tell } = options
  let errand: Errand | undefined
  let sending: Sending | undefined
  let cause: Error | undefined
  let isPaused = false
  let sinceMs = 0
  let mayIdleMs = idleMs

  const parser = createParser({
    onHead: ({ statusCode, headers }) => errand?.head(statusCode, headers),
    onPart: (part) => errand?.data(Buffer.from(part)),
  })

  // What fails in here is a mistake of ours, and costs what this connection carries.
  const onFault = (thrown: unknown): void => {
    tell(thrown)
    lose(new Error('The connection could not be dealt with.', { cause: thrown }))
  }
  const onRead = guarded((bytes: number) => {
    // Nobody has asked: whatever it is, it must not become the answer to what is asked next.
    if (errand === undefined) socket.destroy()
    else read(readInto.subarray(0, bytes))
  }, onFault)

  const socket: Socket = connect({
    ...options.place,
    noDelay: true,
    onread: {
      buffer: readInto,
      callback(bytes) {
        onRead(bytes)
        return true
      },
    },
  })
  // The listener of the gateway keeps the process; what waits for an answer has a client there.
  socket.unref()

  const tooLate: Timer = clock.after(
    connectMs,
    guarded(() => {
      const error = new Error('No connection came about in time.')
      lose(Object.assign(error, { code: connectTimeoutCode }))
    }, onFault),
  )
  const onConnect = guarded(() => tooLate.cancel(), onFault)
  const onEnd = guarded(() => {
    if (errand === undefined) socket.destroy()
    else if (parser.finish()) complete(errand, false)
    else lose(cutError())
  }, onFault)
  const onError = guarded((error: Error) => {
    cause = error
  }, onFault)
  const onClose = guarded(() => {
    tooLate.cancel()
    options.onClosed(connection)
    lose(cause ?? cutError())
  }, onFault)
  socket.once('connect', onConnect).on('end', onEnd).on('error', onError).once('close', onClose)

  const carrier: Carrier = {
    pause() {
      isPaused = true
      socket.pause()
    },
    resume() {
      isPaused = false
      socket.resume()
    },
    drop() {
      errand = undefined
      destroy()
    },
  }

  function read(chunk: Buffer): void {
    let end: number
    try {
      end = parser.push(chunk)
    } catch (thrown) {
      lose(thrown instanceof Error ? thrown : new Error(String(thrown)))
      return
    }
    if (end !== -1 && errand !== undefined) complete(errand, end === chunk.length)
  }

  /** @param isClean nothing came behind the answer */
  function complete(done: Errand, isClean: boolean): void {
    errand = undefined
    if (isClean && isFit(parser.lastHead())) {
      if (isPaused) carrier.resume()
      sending = undefined
      sinceMs = clock.now()
      options.onFree(connection)
    } else destroy()
    done.complete()
  }

  /** Whether the connection lives on: the worker says so, and has taken the whole request. */
  function isFit({ isLast, isOld, idleMs: hintMs }: Head): boolean {
    if (isLast || isOld || socket.destroyed || socket.writableLength > 0) return false
    if (sending?.isComplete() === false) return false
    mayIdleMs = hintMs === undefined ? idleMs : Math.min(hintMs - marginMs, longestIdleMs)
    return mayIdleMs > 0
  }

  /** It is of no use any more, and neither is what it carries. */
  function lose(error: Error): void {
    const lost = errand
    errand = undefined
    destroy()
    lost?.fail(error)
  }

  const cutError = (): Error => {
    const message = parser.hasBegun()
      ? 'It closed the connection in the middle of its answer.'
      : 'It closed the connection without an answer.'
    return Object.assign(new Error(message), { code: 'ECONNRESET' })
  }

  function destroy(): void {
    sending?.stop()
    sending = undefined
    socket.destroy()
  }

  const connection: Connection = {
    send(next, { method, head, body, length }) {
      errand = next
      next.carriedBy(carrier)
      parser.expect(method)
      if (body === null || length === 0) {
        socket.write(head, 'latin1')
      } else if (!Buffer.isBuffer(body)) {
        socket.write(head, 'latin1')
        sending = sendBody(socket, { body, length }, (thrown) => {
          lose(thrown instanceof Error ? thrown : new Error(String(thrown)))
        })
      } else if (length <= pieceBytes) {
        socket.write(head + body.toString('latin1'), 'latin1')
      } else {
        socket.cork()
        socket.write(head, 'latin1')
        socket.write(body)
        socket.uncork()
      }
    },
    isUsable: (nowMs) => !socket.destroyed && !socket.readableEnded && nowMs - sinceMs < mayIdleMs,
    idleSinceMs: () => sinceMs,
    destroy,
  }
  return connection
}
