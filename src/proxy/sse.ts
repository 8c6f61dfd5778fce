import { lookedAtBytes } from '../protocols/peek.ts'

/**
 * Reads along with a stream of server-sent events that is passed on byte for byte: where events
 * end, what they say, and which id they carry.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export interface SseReader {
  push(chunk: Buffer): void
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
const newline = 0x0a
const carriageReturn = 0x0d

export function createSseReader(onEvent: OnEvent): SseReader {
  let pending: Buffer | undefined
  /** The beginning of an event that is too long to be kept; `pending` is then its end so far. */
  let head: Buffer | undefined

  const read = (event: Buffer): void => {
    const text = event.toString('utf8')
    if (head === undefined) parse(text, false, onEvent)
    else parse(`${head.toString('utf8')}${text.slice(-half)}`, true, onEvent)
    head = undefined
  }

  return {
    push(chunk) {
      const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
      let from = 0
      // What was pending holds no end of an event, but may hold the beginning of one.
      let search = pending === undefined ? 0 : Math.max(0, pending.length - 3)
      for (let end = endOfEvent(bytes, search); end !== -1; end = endOfEvent(bytes, search)) {
        read(bytes.subarray(from, end))
        from = end
        search = end
      }
      if (from === bytes.length) {
        pending = undefined
        return
      }
      pending = bytes.subarray(from)
      if (pending.length <= lookedAtBytes) return
      head ??= Buffer.from(pending.subarray(0, half))
      pending = Buffer.from(pending.subarray(-half))
    },
    atBoundary: () => pending === undefined && head === undefined,
  }
}

/** The index behind the blank line that ends an event (LF LF, or CRLF CRLF), or -1. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(newline, from); at !== -1; at = bytes.indexOf(newline, at + 1)) {
    if (bytes[at + 1] === newline) return at + 2
    if (bytes[at + 1] === carriageReturn && bytes[at + 2] === newline) return at + 3
  }
  return -1
}

function parse(event: string, isCut: boolean, onEvent: OnEvent): void {
  let data: string | undefined
  let id: string | undefined
  for (let from = 0; from < event.length;) {
    let to = event.indexOf('\n', from)
    if (to === -1) to = event.length
    const line = event.slice(from, event.charCodeAt(to - 1) === carriageReturn ? to - 1 : to)
    from = to + 1
    if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5)
      data = data === undefined ? value : `${data}\n${value}`
    } else if (line.startsWith('id:')) {
      id = line.slice(line.charCodeAt(3) === 0x20 ? 4 : 3)
    }
  }
  if (data !== undefined || id !== undefined) onEvent({ data: data ?? '', id, isCut })
}
