import { textOfBytes } from '../ground/byte-text.ts'
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
  /** The beginning of that, when it is too long to be kept. */
  let start: string | undefined
  let id: string | undefined
  let isCut = false
  let isInside = false

  const readLine = (line: string): void => {
    isInside = true
    if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5)
      data = data === undefined ? value : `${data}\n${value}`
      if (data.length <= lookedAtBytes) return
      // Its beginning is put aside once; what follows is cut when it has grown by as much again, so
      // that an event of many short lines is not copied with each of them.
      start ??= data.slice(0, half)
      data = data.slice(-half)
      isCut = true
    } else if (line.startsWith('id:')) {
      // A part of a text would hold on to all of it for as long as the id is remembered.
      id = Buffer.from(line.slice(line.charCodeAt(3) === 0x20 ? 4 : 3), 'latin1').toString('latin1')
    }
  }

  const endEvent = (): void => {
    if (data !== undefined || id !== undefined) {
      const said = start === undefined ? (data ?? '') : start + (data ?? '').slice(-half)
      onEvent({ data: textOfBytes(said), id, isCut })
    }
    data = undefined
    start = undefined
    id = undefined
    isCut = false
    isInside = false
  }

  return {
    push(bytes) {
      let from = 0
      // What is pending is only added to, never searched or copied: chunks may be a byte long.
      for (let to = bytes.indexOf('\n'); to !== -1; to = bytes.indexOf('\n', from)) {
        const rest = bytes.slice(from, to)
        const whole = pending === '' ? rest : pending + rest
        pending = ''
        const isCrLf = whole.charCodeAt(whole.length - 1) === carriageReturn
        const line = isCrLf ? whole.slice(0, -1) : whole
        if (head !== undefined) {
          readLine(head + line.slice(-half))
          isCut = true
          head = undefined
        } else if (line === '') {
          endEvent()
        } else {
          readLine(line)
        }
        from = to + 1
      }
      pending = pending === '' ? bytes.slice(from) : pending + bytes.slice(from)
      if (pending.length <= lookedAtBytes) return
      head ??= pending.slice(0, half)
      pending = pending.slice(-half)
    },
    atBoundary: () => !isInside && pending === '' && head === undefined,
  }
}
