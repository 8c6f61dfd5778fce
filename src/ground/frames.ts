import { createPile } from './pile.ts'

/**
 * What a gateway and a keeper send each other of the requests of a session, all over one connection:
 * frames of a length (4 bytes), a type (1), the number of a stream (4), and so many bytes. A stream is
 * one request with its answer. The connection begins as an HTTP upgrade of `framesPath`.
 *
 * From the gateway: `open` a stream (numbers count up, and none comes twice) with a request and the
 * beginning of its body, or all of it; `body`, and `lastBody`; `cancel`, when nobody waits for the
 * answer any more; `window`, how many bytes more it takes. From the keeper: one `head`, `data`, and
 * `end`; or `reset`, at any time. What breaks a rule ends the connection, with all that is on it.
 */
export const frames = {
  open: 1,
  body: 2,
  lastBody: 3,
  cancel: 4,
  window: 5,
  head: 16,
  data: 17,
  end: 18,
  reset: 19,
} as const

export type FrameType = (typeof frames)[keyof typeof frames]

export const framesPath = '/keeper/frames'
export const framesProtocol = 'berth-frames/1'

/** What is put around the bytes of a frame. */
export const frameHeadBytes = 9
/** No frame is longer: heads of requests are as long as the listener lets them be. */
export const framePayloadAtMost = 320 * 1024
/** What is longer than this is sent in pieces, so that others get a turn in between. */
export const framePieceBytes = 64 * 1024
/** How much of one answer may be on its way: a reader that has stopped reading holds no more. */
export const windowBytes = 256 * 1024
export const lastStream = 0xffff_ffff

export interface FrameReader {
  /** @returns false when what comes breaks the rules, from then on */
  push(chunk: Buffer): boolean
}

/** @param payload is a part of what was pushed, or of a copy: it is to be read at once. */
export type OnFrame = (type: number, stream: number, payload: Buffer) => boolean

/** @param onFrame returns whether the frame keeps to the rules. */
export function createFrameReader(onFrame: OnFrame): FrameReader {
  /** The beginning of a frame, as copies: what is pushed may be used again by whoever has read it. */
  const rest = createPile()
  /** With so many bytes there is something to be looked at. */
  let wanted = frameHeadBytes
  let isBroken = false

  function readAll(bytes: Buffer): void {
    let at = 0
    wanted = frameHeadBytes
    while (bytes.length - at >= frameHeadBytes) {
      const length = bytes.readUInt32BE(at)
      isBroken = length > framePayloadAtMost
      if (isBroken) return
      wanted = frameHeadBytes + length
      if (bytes.length - at < wanted) break
      const payload = bytes.subarray(at + frameHeadBytes, at + wanted)
      isBroken = !onFrame(bytes[at + 4] as number, bytes.readUInt32BE(at + 5), payload)
      if (isBroken) return
      at += wanted
      wanted = frameHeadBytes
    }
    if (at < bytes.length) rest.add(Buffer.from(bytes.subarray(at)))
  }

  return {
    push(chunk) {
      if (isBroken) return false
      if (rest.bytes === 0) {
        readAll(chunk)
      } else {
        rest.add(Buffer.from(chunk))
        if (rest.bytes >= wanted) readAll(rest.take())
      }
      return !isBroken
    },
  }
}

export interface FrameWriter {
  /** @param encoding of a text */
  add(
    type: FrameType,
    stream: number,
    payload?: string | Buffer,
    encoding?: 'utf8' | 'latin1',
  ): void
  /** Bytes that have not been sent yet: what is added in one turn leaves in one piece. */
  readonly waitingBytes: number
  flush(): void
}

interface Frame {
  readonly type: FrameType
  readonly stream: number
  payload: string | Buffer
  readonly encoding: 'utf8' | 'latin1'
  bytes: number
}

/** @param schedule has its argument called at the end of this turn. */
export function createFrameWriter(
  send: (bytes: Buffer) => void,
  schedule: (flush: () => void) => void,
): FrameWriter {
  let waiting: Frame[] = []
  let waitingBytes = 0

  function flush(): void {
    if (waitingBytes === 0) return
    const all = waiting
    const bytes = Buffer.allocUnsafe(waitingBytes)
    waiting = []
    waitingBytes = 0
    let at = 0
    for (const frame of all) {
      at = bytes.writeUInt32BE(frame.bytes, at)
      bytes[at] = frame.type
      at = bytes.writeUInt32BE(frame.stream, at + 1)
      const { payload } = frame
      if (typeof payload === 'string') bytes.write(payload, at, frame.bytes, frame.encoding)
      else payload.copy(bytes, at)
      at += frame.bytes
    }
    send(bytes)
  }

  return {
    get waitingBytes() {
      return waitingBytes
    },
    add(type, stream, payload = '', encoding = 'utf8') {
      const bytes =
        typeof payload === 'string' ? Buffer.byteLength(payload, encoding) : payload.length
      if (waitingBytes === 0) schedule(flush)
      if (type === frames.data && typeof payload === 'string') {
        const last = waiting.at(-1)
        if (last !== undefined && isSameText(last, stream, encoding, bytes)) {
          last.payload = `${last.payload as string}${payload}`
          last.bytes += bytes
          waitingBytes += bytes
          return
        }
      }
      waiting.push({ type, stream, payload, encoding, bytes })
      waitingBytes += frameHeadBytes + bytes
    },
    flush,
  }
}

/** Events that come in one go are one frame: each costs more than what is in it. */
function isSameText(last: Frame, stream: number, encoding: string, more: number): boolean {
  return (
    last.type === frames.data &&
    last.stream === stream &&
    last.encoding === encoding &&
    typeof last.payload === 'string' &&
    last.bytes + more <= framePieceBytes
  )
}
