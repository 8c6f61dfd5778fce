import { writeAnswer } from '../ground/frame-heads.ts'
import type { FrameType } from '../ground/frames.ts'
import { framePieceBytes, frames, windowBytes } from '../ground/frames.ts'
import type { Reply } from './reply.ts'

/** The answer to one request, as frames of its stream. */
export interface FrameReply extends Reply {
  /** The gateway takes so many bytes more. @returns false when it has not got so many */
  grant(bytes: number): boolean
  /** Nobody reads it any more. */
  drop(): void
}

export interface FrameReplyOptions {
  add(type: FrameType, payload?: string | Buffer, encoding?: 'utf8' | 'latin1'): void
  /** Bytes of the whole connection that the system has not taken yet. */
  unsentBytes(): number
  onClose(): void
}

/**
 * Whoever reads gets no more than the window; the rest waits here, and `writableLength` says how much
 * that is, so that who writes can break it off.
 */
export function createFrameReply({ add, unsentBytes, onClose }: FrameReplyOptions): FrameReply {
  const waiting: Buffer[] = []
  let waitingBytes = 0
  let creditBytes = windowBytes
  let hasEnded = false
  let isClosed = false
  let closeListeners: (() => void)[] | undefined
  let drainListeners: (() => void)[] | undefined

  function close(): void {
    if (isClosed) return
    isClosed = true
    waiting.length = 0
    waitingBytes = 0
    onClose()
    const listeners = closeListeners
    closeListeners = undefined
    drainListeners = undefined
    for (const tell of listeners ?? []) tell()
  }

  /** Sends of what waits as much as may be sent. */
  function pump(): void {
    const wasBehind = waitingBytes > 0
    let first = waiting[0]
    while (first !== undefined && creditBytes > 0) {
      const piece = first.subarray(0, Math.min(creditBytes, framePieceBytes))
      add(frames.data, piece)
      creditBytes -= piece.length
      waitingBytes -= piece.length
      if (piece.length === first.length) waiting.shift()
      else waiting[0] = first.subarray(piece.length)
      first = waiting[0]
    }
    if (first !== undefined) return
    if (hasEnded) {
      add(frames.end)
      close()
    } else if (wasBehind) {
      for (const tell of drainListeners ?? []) tell()
    }
  }

  function write(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    if (isClosed || hasEnded || text === '') return
    // It is at most three bytes a character.
    if (waitingBytes === 0 && text.length * 3 <= framePieceBytes) {
      const bytes = Buffer.byteLength(text, encoding)
      if (bytes <= creditBytes) {
        creditBytes -= bytes
        add(frames.data, text, encoding)
        return
      }
    }
    const bytes = Buffer.from(text, encoding)
    waiting.push(bytes)
    waitingBytes += bytes.length
    pump()
  }

  return {
    get destroyed() {
      return isClosed
    },
    get writableEnded() {
      return hasEnded || isClosed
    },
    get writableNeedDrain() {
      return waitingBytes > 0
    },
    get writableLength() {
      const unsent = isClosed ? 0 : unsentBytes()
      return waitingBytes + Math.min(unsent, windowBytes - creditBytes)
    },
    writeHead(statusCode, headers) {
      if (!isClosed) add(frames.head, writeAnswer(statusCode, headers), 'latin1')
    },
    // It leaves with what else is sent in this turn.
    flushHeaders: () => undefined,
    write,
    end(text) {
      if (text !== undefined) write(text)
      if (hasEnded || isClosed) return
      hasEnded = true
      pump()
    },
    destroy() {
      if (isClosed) return
      add(frames.reset)
      close()
    },
    on(event, listener) {
      if (event === 'close') (closeListeners ??= []).push(listener)
      else (drainListeners ??= []).push(listener)
    },
    grant(bytes) {
      creditBytes += bytes
      if (creditBytes > windowBytes) return false
      pump()
      return true
    },
    drop: close,
  }
}
