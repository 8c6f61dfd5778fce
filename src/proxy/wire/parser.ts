import { maxHeaderBytes } from '../../ground/listener.ts'
import { createChunkReader } from './chunks.ts'
import type { Head } from './head.ts'
import { closeHead, createHead, mayBeStatus, readField, readStatus, readTrailer } from './head.ts'
import { noHttp } from './no-http.ts'

/** Reads the answers of one connection, one after another. It is stricter than RFC 9112 where that leaves a choice. */
export interface AnswerParser {
  /** What comes next is the answer to a request of this method. */
  expect(method: string): void
  /**
   * @param chunk is changed: what belongs together is moved together in it
   * @returns where in it the answer has ended, or -1
   * @throws when it is no answer
   */
  push(chunk: Buffer): number
  /** The connection has ended. @returns whether that completes the answer */
  finish(): boolean
  /** Whether anything of the answer has come. */
  hasBegun(): boolean
  /** The head that was read last. */
  lastHead(): Head
}

export interface AnswerSink {
  onHead(head: Head): void
  /** @param part all of the body that was pushed, as a view of it */
  onPart(part: Buffer): void
}

type State =
  /** Lines, until an empty one: of heads, or after the last chunk. */
  | 'head'
  | 'trailers'
  /** A body: of so many bytes, in chunks, or until the connection ends. */
  | 'length'
  | 'chunks'
  | 'rest'
  | 'done'

const headEnd = Buffer.from('\r\n\r\n')
const linesAtMost = 2000
const trailerBytes = 16 * 1024
/** A longer head is not the same each time, or not worth its memory. */
const rememberedChars = 2048

/** And not what comes before one (RFC 9110, section 15.2). */
const isAnswer = ({ statusCode }: Head): boolean => statusCode >= 200

export function createParser({ onHead, onPart }: AnswerSink): AnswerParser {
  let state: State = 'head'
  let method = ''
  let head = createHead()
  let hasStatus = false
  /** A line that is not complete. */
  let rest = ''
  /** Of the heads before the answer as well: a worker may not go on with them for ever. */
  let lineBytes = 0
  let lines = 0
  let left = 0
  /** What stands there of the body, in what was pushed. */
  let bodyFrom = 0
  let bodyTo = 0
  const chunks = createChunkReader(gather)
  /** Answers of a worker have the same head for a second: until its date changes. */
  let known: { text: string; head: Head } | undefined

  function expect(next: string): void {
    state = 'head'
    method = next
    hasStatus = false
    rest = ''
    lineBytes = lines = 0
  }

  function endHead(): void {
    hasStatus = false
    if (!isAnswer(head)) {
      if (head.statusCode === 101) throw noHttp('it changes the protocol, which nobody asked for')
      if (head.isOld || head.isLast) throw noHttp('it says that it ends before its answer')
      if (head.isChunked || (head.length ?? 0) > 0)
        throw noHttp('it sends a body before its answer')
      return
    }
    if (method === 'HEAD' || head.statusCode === 204 || head.statusCode === 304) state = 'done'
    else if (head.isChunked) {
      state = 'chunks'
      chunks.begin()
    } else if (head.length === undefined) {
      state = 'rest'
      head.isLast = true
    } else {
      left = head.length
      state = left === 0 ? 'done' : 'length'
    }
    onHead(head)
  }

  function countLine(bytes: number): void {
    lineBytes += bytes
    lines += 1
    checkLines(0)
  }

  function checkLines(more: number): void {
    const limit = state === 'head' ? maxHeaderBytes : trailerBytes
    if (lineBytes + more > limit) {
      throw new Error(`The head of its answer is longer than ${limit / 1024} KiB.`)
    }
    if (lines > linesAtMost) throw noHttp(`its head has more than ${linesAtMost} lines`)
  }

  /** @returns whether it was the last one */
  function readLine(text: string, from: number, to: number): boolean {
    if (state === 'trailers') {
      if (from < to) {
        readTrailer(text, from, to)
        return false
      }
      state = 'done'
      return true
    }
    if (!hasStatus) {
      head = createHead()
      readStatus(head, text, from, to)
      hasStatus = true
      return false
    }
    if (from < to) {
      readField(head, text, from, to)
      return false
    }
    closeHead(head)
    return true
  }

  /** @returns where what comes after the lines begins */
  function readLines(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(headEnd, at)
    const upTo = end === -1 ? chunk.length : end + headEnd.length
    const isWhole = end !== -1 && rest === '' && !hasStatus && state === 'head'
    const before = rest.length
    const text = rest + chunk.toString('latin1', at, upTo)
    rest = ''
    if (isWhole && text === known?.text) {
      head = known.head
      countLine(text.length)
      endHead()
      return upTo
    }
    let from = 0
    for (let lf = text.indexOf('\n'); lf !== -1; lf = text.indexOf('\n', from)) {
      if (text.charCodeAt(lf - 1) !== 13)
        throw noHttp('a line of its head ends in a way of its own')
      countLine(lf + 1 - from)
      if (readLine(text, from, lf - 1)) {
        if (state === 'head') {
          if (isWhole && isAnswer(head) && text.length <= rememberedChars) known = { text, head }
          endHead()
        }
        return at + lf + 1 - before
      }
      from = lf + 1
    }
    rest = text.slice(from)
    checkLines(rest.length)
    if (state === 'head' && !hasStatus && !mayBeStatus(rest)) {
      throw noHttp('its first line is none of HTTP/1.1')
    }
    return upTo
  }

  function readBody(chunk: Buffer, at: number): number {
    const end = Math.min(at + left, chunk.length)
    left -= end - at
    gather(chunk, at, end)
    if (left === 0) state = 'done'
    return end
  }

  /** Events come in a chunk each, and are passed on as one piece if they came as one. */
  function gather(chunk: Buffer, from: number, to: number): void {
    if (bodyFrom === bodyTo) {
      bodyFrom = from
      bodyTo = to
    } else {
      chunk.copyWithin(bodyTo, from, to)
      bodyTo += to - from
    }
  }

  function push(chunk: Buffer): number {
    bodyFrom = bodyTo = 0
    try {
      return readAll(chunk)
    } finally {
      if (bodyFrom < bodyTo) onPart(chunk.subarray(bodyFrom, bodyTo))
    }
  }

  function readAll(chunk: Buffer): number {
    let at = 0
    for (;;) {
      if (state === 'done') return at
      if (at === chunk.length) return -1
      switch (state) {
        case 'head':
        case 'trailers':
          at = readLines(chunk, at)
          break
        case 'length':
          at = readBody(chunk, at)
          break
        case 'chunks':
          at = chunks.push(chunk, at)
          if (chunks.isOver()) {
            state = 'trailers'
            lineBytes = lines = 0
          }
          break
        case 'rest':
          gather(chunk, at, chunk.length)
          return -1
      }
    }
  }

  return {
    expect,
    push,
    finish: () => state === 'rest',
    hasBegun: () => state !== 'head' || hasStatus || rest !== '',
    lastHead: () => head,
  }
}
