import { lookedAtBytes } from '../protocols/peek.ts'

/**
 * Reads along with a stream of server-sent events that is passed on byte for byte: where events
 * end, what they say, and which id they carry.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export interface SseReader {
  /**
   * @param bytes as a string of bytes (latin1), which may be cut anywhere: to look for lines in it
   * costs a fraction of what it costs in a buffer
   */
  push(bytes: string): void
  /** Whether the last byte seen was the end of an event, so that something may be put behind it. */
  atBoundary(): boolean
}

export interface SseEvent {
  data: string
  /** Undefined for an event without one. */
  id: string | undefined
  /** The event is longer than 64 KiB, and `data` is only its beginning and its end. */
  isCut: boolean
}

type OnEvent = (event: SseEvent) => void

const half = lookedAtBytes / 2
const carriageReturn = 0x0d

export function createSseReader(onEvent: OnEvent): SseReader {
  /** The line that has not ended yet, or the end of it so far. */
  let pending = ''
  /** The beginning of that line, when it is too long to be kept. */
  let head: string | undefined
  /** What the event says so far. */
  let data: string | undefined
  let id: string | undefined
  let isCut = false
  let isInside = false

  const readLine = (line: string): void => {
    isInside = true
    if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5)
      data = data === undefined ? value : `${data}\n${value}`
      if (data.length <= lookedAtBytes) return
      data = data.slice(0, half) + data.slice(-half)
      isCut = true
    } else if (line.startsWith('id:')) {
      id = line.slice(line.charCodeAt(3) === 0x20 ? 4 : 3)
    }
  }

  const endEvent = (): void => {
    if (data !== undefined || id !== undefined) onEvent({ data: decoded(data ?? ''), id, isCut })
    data = undefined
    id = undefined
    isCut = false
    isInside = false
  }

  return {
    push(bytes) {
      const text = pending === '' ? bytes : pending + bytes
      let from = 0
      // In what was pending there is no end of a line.
      let to = text.indexOf('\n', pending.length)
      for (; to !== -1; to = text.indexOf('\n', from)) {
        const end = to > from && text.charCodeAt(to - 1) === carriageReturn ? to - 1 : to
        if (head !== undefined) {
          readLine(head + text.slice(from, end).slice(-half))
          isCut = true
          head = undefined
        } else if (end === from) {
          endEvent()
        } else {
          readLine(text.slice(from, end))
        }
        from = to + 1
      }
      pending = text.slice(from)
      if (pending.length <= lookedAtBytes) return
      head ??= pending.slice(0, half)
      pending = pending.slice(-half)
    },
    atBoundary: () => !isInside && pending === '' && head === undefined,
  }
}

/** Most of what servers send is ASCII, for which the bytes are the text. */
function decoded(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes
}
