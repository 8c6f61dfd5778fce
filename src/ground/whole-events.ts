import { textOfBytes } from './byte-text.ts'

/** Takes a stream of events apart; all texts are strings of bytes (latin1). */
export interface WholeEvents {
  push(bytes: string): void
  /** The stream is over. Some clients take what no blank line has ended. */
  end(): void
}

export interface WholeEventsOptions {
  /** Of an event, in bytes. */
  longest: number
  /** An event, as the lines of it. */
  onEvent(lines: readonly string[]): void
  /** A part of one that is longer than that, as it comes; its end too. */
  onLong(part: string): void
}

/**
 * Events one by one, whichever of its three line ends a server uses: what a client would read as an
 * event must not be taken for a part of another one.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function createWholeEvents({ longest, onEvent, onLong }: WholeEventsOptions): WholeEvents {
  let event: string[] = []
  let bytes = 0
  /** Of a line that has not ended: only added to, never searched again, for chunks may be a byte long. */
  let pending = ''
  /** What is due of an event that is too long; undefined while none is. */
  let long: string | undefined
  let isLineEmpty = true
  /** A line end of two signs may be cut in between. */
  let isCut = false
  /** A mark of the order of bytes may stand before the first event. */
  let start: string | undefined = ''

  const add = (part: string): void => {
    if (part === '') return
    isLineEmpty = false
    if (long === undefined) pending += part
    else long += part
  }
  const endLine = (): void => {
    if (long !== undefined) long += '\n'
    else if (!isLineEmpty) event.push(pending)
    if (isLineEmpty) endEvent()
    pending = ''
    isLineEmpty = true
  }
  const endEvent = (): void => {
    const lines = event
    event = []
    bytes = 0
    if (long !== undefined) {
      onLong(long)
      long = undefined
    } else if (lines.length > 0) onEvent(lines)
  }
  const read = (text: string): void => {
    const fresh = isCut && text.startsWith('\n') ? text.slice(1) : text
    isCut = text.endsWith('\r')
    const [first = '', ...more] = fresh.split(fresh.includes('\r') ? lineEnds : '\n')
    add(first)
    for (const line of more) {
      endLine()
      add(line)
    }
  }

  return {
    push(text) {
      if (text === '') return
      let fresh = text
      if (start !== undefined) {
        start += text
        if (start.length < mark.length && mark.startsWith(start)) return
        fresh = start.startsWith(mark) ? start.slice(mark.length) : start
        start = undefined
      }
      bytes += fresh.length
      if (fresh !== '') read(fresh)
      if (long === undefined && bytes > longest) {
        long = [...event, pending].join('\n')
        event = []
        pending = ''
      }
      if (long === undefined || long === '') return
      const due = long
      long = ''
      onLong(due)
    },
    end() {
      if (start !== undefined && start !== '') read(start)
      start = undefined
      if (pending !== '') event.push(pending)
      pending = ''
      if (event.length > 0 && long === undefined) endEvent()
    },
  }
}

const lineEnds = /\r\n|\n|\r/g

/** U+FEFF in UTF-8. */
const mark = '\xef\xbb\xbf'

export const isData = (line: string): boolean => line === 'data' || line.startsWith('data:')

/** What an event says; undefined for one that says nothing. */
export function dataOf(lines: readonly string[]): string | undefined {
  const data = lines.filter(isData).map((line) => valueOf(line, 'data'))
  return data.length === 0
    ? undefined
    : textOfBytes(data.length === 1 ? (data[0] ?? '') : data.join('\n'))
}

const valueOf = (line: string, name: string): string => {
  const at = name.length + 1
  return line.slice(line.charCodeAt(at) === 0x20 ? at + 1 : at)
}

/** One event of a stream, whole. */
export interface WholeEvent {
  data: string
  id: string | undefined
}

/** As long as a line of a keeper may be. */
const mostBytes = 32 * 1024 * 1024

/**
 * Reads events that are not passed on as they come, but looked into.
 *
 * @param onEvent is told of those that have data or an id
 * @returns takes the next bytes; false once an event is longer than can be held
 */
export function createEventReader(
  onEvent: (event: WholeEvent) => void,
): (bytes: Buffer) => boolean {
  let isTooLong = false
  const events = createWholeEvents({
    longest: mostBytes,
    onEvent(lines) {
      const data = dataOf(lines)
      const line = lines.findLast((one) => one.startsWith('id:'))
      // A part of a text would hold on to all of it for as long as the id is remembered.
      const id = line && Buffer.from(valueOf(line, 'id'), 'latin1').toString('latin1')
      if (data !== undefined || id !== undefined) onEvent({ data: data ?? '', id })
    },
    onLong: () => (isTooLong = true),
  })
  return (bytes) => {
    events.push(bytes.toString('latin1'))
    return !isTooLong
  }
}

/** An event as it is written: of a message, or of nothing but the id from which a stream can be resumed. */
export function eventText(data: string, id?: string): string {
  const head = id === undefined ? '' : `id: ${id}\n`
  const name = data === '' ? '' : 'event: message\n'
  const isOneLine = !data.includes('\n') && !data.includes('\r')
  return `${name}${head}data: ${isOneLine ? data : data.replace(lineEnds, '\ndata: ')}\n\n`
}
