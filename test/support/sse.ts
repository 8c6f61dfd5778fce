export interface SseEvent {
  /** The last id that the stream gave, which an event without one inherits. */
  id: string | undefined
  event: string
  data: string
  retryMs: number | undefined
}

export interface SseParser {
  /** Takes the next bytes and gives the events that they complete. */
  push(chunk: Uint8Array): SseEvent[]
  /** Comments so far (`: keepalive`), which are no events. */
  readonly comments: string[]
}

/** Reads `text/event-stream` (WHATWG HTML 9.2.6), but gives events without data as well. */
export function createSseParser(): SseParser {
  const decoder = new TextDecoder()
  const comments: string[] = []
  let rest = ''
  let lastId: string | undefined
  let fields = emptyFields()

  const takeLine = (line: string): SseEvent | undefined => {
    if (line === '') {
      const done = fields
      fields = emptyFields()
      if (!done.any) return undefined
      return {
        id: lastId,
        event: done.event,
        data: done.data.join('\n'),
        retryMs: done.retryMs,
      }
    }
    if (line.startsWith(':')) {
      comments.push(line.slice(1).trim())
      return undefined
    }
    const [name, value] = splitField(line)
    fields.any = true
    if (name === 'data') fields.data.push(value)
    else if (name === 'event') fields.event = value
    else if (name === 'id' && !value.includes('\0')) lastId = value
    else if (name === 'retry' && /^\d+$/.test(value)) fields.retryMs = Number(value)
    return undefined
  }

  return {
    push(chunk) {
      rest += decoder.decode(chunk, { stream: true })
      const events: SseEvent[] = []
      for (;;) {
        const end = /\r\n|\n|\r(?=.)/s.exec(rest)
        if (end === null) return events
        const event = takeLine(rest.slice(0, end.index))
        rest = rest.slice(end.index + end[0].length)
        if (event !== undefined) events.push(event)
      }
    },
    comments,
  }
}

function emptyFields() {
  return {
    any: false,
    event: 'message',
    data: [] as string[],
    retryMs: undefined as number | undefined,
  }
}

function splitField(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  if (colon < 0) return [line, '']
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
}
