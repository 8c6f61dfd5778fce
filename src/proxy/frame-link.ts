import { connect } from 'node:net'
import { Readable } from 'node:stream'

import { FewMap } from '../ground/few.ts'
import { createAnswerReader, writeRequest } from '../ground/frame-heads.ts'
import {
  createFrameReader,
  createFrameWriter,
  framePayloadAtMost,
  framePieceBytes,
  frames,
  lastStream,
} from '../ground/frames.ts'
import type { FaultOwner } from '../ground/guarded.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { isOutOfRoom } from '../ground/room.ts'
import { isUnreached } from '../ground/unreached.ts'
import type { Session } from '../sessions/session.ts'
import type { Asking } from './asking.ts'
import { createFrameStream } from './frame-stream.ts'
import type { FrameStream } from './frame-stream.ts'
import { createUpgrade } from './frame-upgrade.ts'
import type { Receiver } from './received.ts'

/** One connection to a keeper, for all requests of a session. */
export interface FrameLink {
  /** Whether another request can go over it. */
  takesMore(): boolean
  dispatch(asking: Asking, receiver: Receiver): void
  destroy(): void
}

/** A connection that carries nothing for so long is closed: a session may be idle for hours. */
const idleMs = 10_000

/** What all connections read into: whatever comes is dealt with before anything else is read. */
const readInto = Buffer.allocUnsafeSlow(64 * 1024)

interface Early {
  readonly asking: Asking
  readonly stream: FrameStream
}

export function openFrameLink(endpoint: Session['endpoint'], owner: FaultOwner): FrameLink {
  const tell = tellFault('a connection to a keeper', owner)
  const tellOfStream = tellFault('reading what a worker has answered', owner)
  const streams = new FewMap<number, FrameStream>()
  /** What waits for the connection: nothing of it has been sent. */
  const early = new FewMap<number, Early>()
  let wakers: (() => void)[] = []
  let newest = 0
  let isClosed = false
  let idleSinceMs = 0
  let idle: NodeJS.Timeout | undefined

  const reader = createFrameReader(take)
  const readAnswer = createAnswerReader()
  const writer = createFrameWriter(
    (bytes) => socket.write(bytes),
    (flush) => process.nextTick(guarded(flush, broken)),
  )
  const upgrade = createUpgrade(endpoint)
  const onRead = guarded((read: number) => {
    const bytes = readInto.subarray(0, read)
    const rest = upgrade.isDone() ? bytes : upgrade.read(bytes)
    if (rest === undefined) return
    if (early.size > 0) sendEarly()
    if (rest.length > 0 && !reader.push(rest))
      throw new Error('A keeper broke the rules of frames.')
  }, broken)
  const socket = connect({
    path: endpoint.socketPath ?? '',
    onread: {
      buffer: readInto,
      callback(read) {
        onRead(read)
        return true
      },
    },
  })
  socket.write(upgrade.request)
  socket.on('drain', guarded(wake, tell))
  socket.once('end', () => socket.destroy())
  socket.on('error', guarded(close, tell))
  socket.once(
    'close',
    guarded(() => close(new Error('The keeper closed the connection.')), tell),
  )

  function broken(thrown: unknown): void {
    if (isClosed) return
    close(thrown instanceof Error ? thrown : new Error('The connection broke.'))
  }

  /** All that it carries ends; what has not been sent says so. */
  function close(cause: Error): void {
    if (isClosed) return
    isClosed = true
    clearTimeout(idle)
    socket.destroy()
    const unsent = early.values()
    const sent = streams.values()
    early.clear()
    streams.clear()
    const unreached = upgrade.isDone() ? cause : unreachedBy(cause)
    for (const { stream } of unsent) guarded(stream.fail, tell)(unreached)
    for (const stream of sent) guarded(stream.fail, tell)(cause)
    wake()
  }

  function wake(): void {
    const all = wakers
    wakers = []
    for (const go of all) go()
  }

  function sendEarly(): void {
    const all = early.entries()
    early.clear()
    for (const [number, { asking, stream }] of all) send(number, asking, stream)
  }

  function send(number: number, { method, headers, body }: Asking, stream: FrameStream): void {
    const whole = Buffer.isBuffer(body) && body.length <= framePieceBytes ? body : undefined
    const isWhole = body === null || whole !== undefined
    const opening = writeRequest(method, headers, whole, isWhole)
    if (opening === undefined || opening.length > framePayloadAtMost) {
      stream.upstream.abort(new Error('This request cannot be carried to a keeper.'))
      return
    }
    streams.set(number, stream)
    writer.add(frames.open, number, opening)
    if (isWhole) return
    const sending = sendBody(number, Buffer.isBuffer(body) ? [body] : body, stream)
    inBackground(sending, (thrown) => {
      stream.upstream.abort(thrown instanceof Error ? thrown : new Error('The body broke off.'))
    })
  }

  /** As fast as the keeper takes it, and others have their turn. */
  async function sendBody(
    number: number,
    body: AsyncIterable<Buffer> | Iterable<Buffer>,
    stream: FrameStream,
  ): Promise<void> {
    for await (const chunk of body) {
      for (let at = 0; at < chunk.length; at += framePieceBytes) {
        if (isClosed || stream.isOver()) return
        writer.add(frames.body, number, chunk.subarray(at, at + framePieceBytes))
        writer.flush()
        if (socket.writableNeedDrain) await new Promise<void>((resolve) => wakers.push(resolve))
      }
    }
    if (!isClosed && !stream.isOver()) writer.add(frames.lastBody, number)
  }

  /** @returns whether the frame keeps to the rules */
  function take(type: number, number: number, payload: Buffer): boolean {
    if (isClosed || number === 0 || number > newest) return false
    const stream = streams.get(number)
    switch (type) {
      case frames.head: {
        const answer = readAnswer(payload)
        return answer !== undefined && (stream === undefined || stream.head(answer))
      }
      case frames.data:
        // Of what nobody waits for any more something may still be on its way.
        return stream === undefined || stream.data(payload)
      case frames.end:
        if (payload.length > 0 || stream?.mayEnd() === false) return false
        streams.delete(number)
        stream?.end()
        rest()
        return true
      case frames.reset:
        if (payload.length > 0) return false
        streams.delete(number)
        stream?.brokenOff()
        rest()
        return true
      default:
        return false
    }
  }

  function over(number: number, isCut: boolean): void {
    const wasSent = streams.delete(number)
    const { body } = early.get(number)?.asking ?? {}
    if (body instanceof Readable) body.destroy()
    early.delete(number)
    if (!isCut || isClosed) return
    if (wasSent) writer.add(frames.cancel, number)
    rest()
    // Who sends a body that nobody wants stops.
    if (wakers.length > 0) wake()
  }

  /** Without anything to carry it lets this process end. */
  function rest(): void {
    if (isClosed || streams.size > 0 || early.size > 0) return
    socket.unref()
    idleSinceMs = Date.now()
    idle ??= setTimeout(lookIfIdle, idleMs).unref()
  }

  const lookIfIdle = guarded(() => {
    idle = undefined
    if (streams.size > 0 || early.size > 0) return
    const leftMs = idleSinceMs + idleMs - Date.now()
    if (leftMs > 0) idle = setTimeout(lookIfIdle, leftMs).unref()
    else close(new Error('It was not needed.'))
  }, tell)

  return {
    takesMore: () => !isClosed && newest < lastStream,
    dispatch(asking, receiver) {
      newest += 1
      const number = newest
      if (streams.size === 0 && early.size === 0) socket.ref()
      const stream = createFrameStream({
        receiver,
        onFault: tellOfStream,
        grant: (bytes) => writer.add(frames.window, number, fourBytes(bytes)),
        onOver: (isCut) => over(number, isCut),
      })
      if (!upgrade.isDone()) early.set(number, { asking, stream })
      stream.begin()
      if (upgrade.isDone() && !stream.isOver()) send(number, asking, stream)
    },
    destroy() {
      close(new Error('The connection was closed.'))
    },
  }
}

function fourBytes(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(count)
  return bytes
}

/** Nothing was sent, whatever became of the connection: said as the system says it. */
function unreachedBy(cause: Error): Error {
  if (isUnreached(cause) || isOutOfRoom(cause)) return cause
  return Object.assign(new Error(cause.message, { cause }), { code: 'ECONNREFUSED' })
}
