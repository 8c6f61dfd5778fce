import type { Duplex } from 'node:stream'

import { FewMap } from '../ground/few.ts'
import { createRequestReader } from '../ground/frame-heads.ts'
import type { FramedRequest } from '../ground/frame-heads.ts'
import { createFrameReader, createFrameWriter, frames, framesProtocol } from '../ground/frames.ts'
import type { OnFault } from '../ground/guarded.ts'
import { guarded } from '../ground/guarded.ts'
import { createPile } from '../ground/pile.ts'
import type { Pile } from '../ground/pile.ts'
import { createFrameReply } from './frame-reply.ts'
import type { FrameReply } from './frame-reply.ts'
import { bodyLimitBytes } from './replies.ts'
import type { Asked, Reply } from './reply.ts'

/** A gateway has far fewer in progress; what comes beyond is refused by itself. */
const streamsAtMost = 4000

/** The connections of the gateways that speak frames: each has one, for all that it asks. */
export interface FrameServer {
  /** Takes over a connection whose request to be upgraded is in order. */
  accept(socket: Duplex, first: Buffer): void
  /**
   * Ends each connection as soon as all that was asked over it is answered. A gateway still says what
   * it has read, and must not meet a closed door: it would not read on.
   *
   * @returns whether all of them have gone
   */
  leave(): boolean
  /** Ends all of them, whatever is on its way. */
  close(): void
}

/** A stream of which the keeper knows: its request is still coming, or its answer leaving. */
interface Stream {
  readonly reply: FrameReply
  /** Undefined when it has been handed on. */
  asking: { request: FramedRequest; body: Pile; isTooLong: boolean } | undefined
}

interface Connection {
  leave(): void
  close(): void
}

/** @param serve a throw of it costs that one stream */
export function createFrameServer(
  serve: (asked: Asked, reply: Reply) => void,
  onFault: OnFault,
): FrameServer {
  const connections = new Set<Connection>()
  return {
    accept(socket, first) {
      const connection = connect(socket, first, serve, onFault)
      connections.add(connection)
      socket.once('close', () => connections.delete(connection))
    },
    leave() {
      for (const connection of connections) connection.leave()
      return connections.size === 0
    },
    close() {
      for (const connection of connections) connection.close()
    },
  }
}

/** It does not know the nonce, or there is nothing here that takes frames. */
export function refuseUpgrade(socket: Duplex): void {
  socket.on('error', () => undefined)
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n', () => socket.destroy())
}

function connect(
  socket: Duplex,
  first: Buffer,
  serve: (asked: Asked, reply: Reply) => void,
  onFault: OnFault,
): Connection {
  const streams = new FewMap<number, Stream>()
  const readRequest = createRequestReader()
  const reader = createFrameReader(take)
  const writer = createFrameWriter(
    (bytes) => socket.write(bytes),
    (flush) => process.nextTick(guarded(flush, broken)),
  )
  /** Numbers up to this one have been used. */
  let newest = 0

  function broken(thrown: unknown): void {
    onFault(thrown)
    socket.destroy()
  }

  function open(number: number): Stream {
    newest = number
    const reply = createFrameReply({
      add: (type, payload, encoding) => writer.add(type, number, payload, encoding),
      unsentBytes: () => writer.waitingBytes + socket.writableLength,
      onClose: () => streams.delete(number),
    })
    const stream: Stream = { reply, asking: undefined }
    streams.set(number, stream)
    return stream
  }

  /** Its request is complete. */
  function hand(stream: Stream, request: FramedRequest, body: string | undefined): void {
    const { method, headers } = request
    alone(stream, () => serve({ method, headers, body }, stream.reply))
  }

  /** Only this stream is lost by what goes wrong with it. */
  function alone({ reply }: Stream, step: () => void): void {
    try {
      step()
    } catch (thrown) {
      onFault(thrown)
      guarded(() => reply.destroy(), onFault)()
    }
  }

  function begin(number: number, payload: Buffer): boolean {
    const opening = readRequest(payload)
    if (opening === undefined || number <= newest) return false
    const isFull = streams.size >= streamsAtMost
    const stream = open(number)
    const { request, isWhole, body } = opening
    if (isFull) {
      stream.reply.destroy()
    } else if (isWhole) {
      hand(stream, request, body.toString())
    } else {
      stream.asking = { request, body: createPile(), isTooLong: false }
      more(stream, body, false)
    }
    return true
  }

  function more(stream: Stream, chunk: Buffer, isLast: boolean): boolean {
    const { asking } = stream
    if (asking === undefined) return false
    const { request, body } = asking
    if (body.bytes + chunk.length > bodyLimitBytes) {
      asking.isTooLong = true
      body.take()
    }
    if (!asking.isTooLong) body.add(Buffer.from(chunk))
    if (!isLast) return true
    stream.asking = undefined
    hand(stream, request, asking.isTooLong ? undefined : body.take().toString())
    return true
  }

  function grant(stream: Stream | undefined, bytes: number): boolean {
    if (stream === undefined) return true
    let isRight = true
    alone(stream, () => (isRight = stream.reply.grant(bytes)))
    return isRight
  }

  /** @returns false when it breaks the rules */
  function take(type: number, number: number, payload: Buffer): boolean {
    if (socket.destroyed) return false
    if (type === frames.open) return begin(number, payload)
    if (number > newest || number === 0) return false
    const stream = streams.get(number)
    switch (type) {
      case frames.body:
      case frames.lastBody:
        // What nobody waits for any more may still come.
        return stream === undefined || more(stream, payload, type === frames.lastBody)
      case frames.cancel:
        if (payload.length > 0) return false
        if (stream !== undefined) alone(stream, () => stream.reply.drop())
        return true
      case frames.window:
        return payload.length === 4 && grant(stream, payload.readUInt32BE(0))
      default:
        return false
    }
  }

  const read = guarded((chunk: Buffer) => {
    if (!reader.push(chunk)) socket.destroy()
  }, broken)
  const over = guarded(() => {
    for (const { reply } of streams.values()) guarded(() => reply.drop(), onFault)()
  }, onFault)
  socket.on('data', read)
  socket.once('end', () => socket.destroy())
  socket.once('close', over)
  socket.on('error', () => undefined)
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${framesProtocol}\r\n\r\n`,
  )
  if (first.length > 0) read(first)

  return {
    leave() {
      if (streams.size === 0 && writer.waitingBytes === 0 && !socket.writableEnded) socket.end()
    },
    close: () => void socket.destroy(),
  }
}
