import type { EventFormat } from './event-log.ts'

/** A part of an event stream as it came, up to and with an empty line. */
export interface SsePart {
  /** As a string of bytes (latin1). */
  readonly bytes: string
  /** Whether it says something; otherwise it is a comment, or sets the time of reconnecting. */
  readonly isEvent: boolean
  /** Whether the server gave it an id. */
  readonly hasId: boolean
}

/**
 * Cuts a stream of server-sent events into its events, without a change to any byte.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export interface SseCutter {
  /**
   * Gives the parts that these bytes complete.
   *
   * @param bytes as a string of bytes (latin1), which may be cut anywhere: to look for lines in it
   * costs a fraction of what it costs in a buffer
   */
  push(bytes: string): SsePart[]
  /** What has come of the next part. */
  rest(): string
  /**
   * Whether its parts cannot be told: one is too long to be kept, or lines end in nothing but a
   * carriage return, which the standard allows and no server does.
   */
  isLost(): boolean
}

const limitBytes = 16 * 1024 * 1024
/** An end of a part has at most three bytes, and one of them may be in what comes next. */
const carryBytes = 2
const lineFeed = 0x0a
const carriageReturn = 0x0d
const loneReturn = /\r[^\n]/

export function createSseCutter(): SseCutter {
  /** The beginning of the next part, in pieces: to join them each time would cost their square. */
  let pieces: string[] = []
  let heldBytes = 0
  let carry = ''
  let isLost = false

  function keep(text: string, from: number): void {
    const cut = Math.max(from, text.length - carryBytes)
    if (cut > from) pieces.push(text.slice(from, cut))
    heldBytes += cut - from
    carry = text.slice(cut)
    isLost ||= heldBytes > limitBytes || (from < text.length && loneReturn.test(text.slice(from)))
  }

  function take(bytes: string): string {
    if (pieces.length === 0) return bytes
    const whole = pieces.join('') + bytes
    pieces = []
    heldBytes = 0
    return whole
  }

  return {
    push(bytes) {
      const text = carry === '' ? bytes : carry + bytes
      const parts: SsePart[] = []
      let from = 0
      // An empty line with nothing before it is a part, too.
      let end = pieces.length === 0 ? endOfLine(text, 0) : -1
      if (end === -1) end = endOfPart(text, 0)
      while (end !== -1) {
        parts.push(partOf(take(text.slice(from, end))))
        from = end
        end = endOfLine(text, from)
        if (end === -1) end = endOfPart(text, from)
      }
      keep(text, from)
      return parts
    },
    rest: () => pieces.join('') + carry,
    isLost: () => isLost,
  }
}

/** Where the line end that stands here ends; -1 if there is none. */
function endOfLine(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === lineFeed) return at + 1
  return code === carriageReturn && text.charCodeAt(at + 1) === lineFeed ? at + 2 : -1
}

/** Where the first empty line after the beginning of a part ends; -1 if there is none. */
function endOfPart(text: string, from: number): number {
  for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', at + 1)) {
    const end = endOfLine(text, at + 1)
    if (end !== -1) return end
  }
  return -1
}

function partOf(bytes: string): SsePart {
  return {
    bytes,
    isEvent: bytes.startsWith('data') || bytes.includes('\ndata'),
    hasId: bytes.startsWith('id:') || bytes.includes('\nid:'),
  }
}

/** The same part without the id that the server gave it. */
export function withoutId({ bytes, isEvent }: SsePart): SsePart {
  return { bytes: bytes.replaceAll(/^id:[^\n]*\n/gm, ''), isEvent, hasId: false }
}

/** Of parts that have no id. All other bytes stay as they are. */
export const partFormat: EventFormat = {
  encoding: 'latin1',
  frame: (id, bytes) => `id: ${id}\n${bytes}`,
}
