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
    const [first = '', ...more] = fresh.split(/\r\n|\n|\r/)
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

/** U+FEFF in UTF-8. */
const mark = '\xef\xbb\xbf'
