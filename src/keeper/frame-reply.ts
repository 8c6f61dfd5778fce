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

/** @see FrameReply */
export const createFrameReply = (options: FrameReplyOptions): FrameReply => new Framed(options)

/**
 * Whoever reads gets no more than the window; the rest waits here, and `writableLength` says how much
 * that is, so that who writes can break it off.
 *
 * A class, because one is made for every request: an object with getters of its own is dear to make.
 */
class Framed implements FrameReply {
  private readonly options: FrameReplyOptions
  private readonly waiting: Buffer[] = []
  private waitingBytes = 0
  private creditBytes = windowBytes
  private hasEnded = false
  private isClosed = false
  private closeListeners: (() => void)[] | undefined
  private drainListeners: (() => void)[] | undefined

  constructor(options: FrameReplyOptions) {
    this.options = options
  }

  get destroyed(): boolean {
    return this.isClosed
  }

  get writableEnded(): boolean {
    return this.hasEnded || this.isClosed
  }

  get writableNeedDrain(): boolean {
    return this.waitingBytes > 0
  }

  get writableLength(): number {
    const unsent = this.isClosed ? 0 : this.options.unsentBytes()
    return this.waitingBytes + Math.min(unsent, windowBytes - this.creditBytes)
  }

  writeHead(statusCode: number, headers: Parameters<Reply['writeHead']>[1]): void {
    if (!this.isClosed) this.options.add(frames.head, writeAnswer(statusCode, headers), 'latin1')
  }

  /** It leaves with what else is sent in this turn. */
  flushHeaders(): void {
    return undefined
  }

  write(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    if (this.isClosed || this.hasEnded || text === '') return
    // It is at most three bytes a character.
    if (this.waitingBytes === 0 && text.length * 3 <= framePieceBytes) {
      const bytes = Buffer.byteLength(text, encoding)
      if (bytes <= this.creditBytes) {
        this.creditBytes -= bytes
        this.options.add(frames.data, text, encoding)
        return
      }
    }
    const bytes = Buffer.from(text, encoding)
    this.waiting.push(bytes)
    this.waitingBytes += bytes.length
    this.pump()
  }

  end(text?: string): void {
    if (text !== undefined) this.write(text)
    if (this.hasEnded || this.isClosed) return
    this.hasEnded = true
    this.pump()
  }

  destroy(): void {
    if (this.isClosed) return
    this.options.add(frames.reset)
    this.drop()
  }

  on(event: 'close' | 'drain', listener: () => void): void {
    if (event === 'close') (this.closeListeners ??= []).push(listener)
    else (this.drainListeners ??= []).push(listener)
  }

  grant(bytes: number): boolean {
    this.creditBytes += bytes
    if (this.creditBytes > windowBytes) return false
    this.pump()
    return true
  }

  drop(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.waiting.length = 0
    this.waitingBytes = 0
    this.options.onClose()
    const listeners = this.closeListeners
    this.closeListeners = undefined
    this.drainListeners = undefined
    for (const tell of listeners ?? []) tell()
  }

  /** Sends of what waits as much as may be sent. */
  private pump(): void {
    const { waiting } = this
    const wasBehind = this.waitingBytes > 0
    let first = waiting[0]
    while (first !== undefined && this.creditBytes > 0) {
      const piece = first.subarray(0, Math.min(this.creditBytes, framePieceBytes))
      this.options.add(frames.data, piece)
      this.creditBytes -= piece.length
      this.waitingBytes -= piece.length
      if (piece.length === first.length) waiting.shift()
      else waiting[0] = first.subarray(piece.length)
      first = waiting[0]
    }
    if (first !== undefined) return
    if (this.hasEnded) {
      this.options.add(frames.end)
      this.drop()
    } else if (wasBehind) {
      for (const tell of this.drainListeners ?? []) tell()
    }
  }
}
