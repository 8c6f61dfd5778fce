import { StringDecoder } from 'node:string_decoder'

/** One server-sent event, as far as MCP uses it. */
export interface SseEvent {
  id?: string
  data: string
  retryMs?: number
}

/** Reads server-sent events from bytes that come in pieces (HTML Standard, section 9.2). */
export interface SseReader {
  push(chunk: Buffer): void
}

/** An event that never ends must not take all memory. */
const largestEvent = 32 * 1024 * 1024

export function createSseReader(onEvent: (event: SseEvent) => void): SseReader {
  const decoder = new StringDecoder('utf8')
  let text = ''
  let data: string[] = []
  let size = 0
  let id: string | undefined
  let retryMs: number | undefined

  const dispatch = (): void => {
    if (data.length > 0 || id !== undefined || retryMs !== undefined) {
      onEvent({
        data: data.join('\n'),
        ...(id !== undefined && { id }),
        ...(retryMs !== undefined && { retryMs }),
      })
    }
    data = []
    size = 0
    id = undefined
    retryMs = undefined
  }

  const take = (line: string): void => {
    if (line === '') {
      dispatch()
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') {
      size += value.length
      if (size > largestEvent) throw new Error('An event is larger than 32 MiB.')
      data.push(value)
    } else if (field === 'id') {
      id = value
    } else if (field === 'retry' && /^\d+$/.test(value)) {
      retryMs = Number(value)
    }
  }

  return {
    push(chunk) {
      text += decoder.write(chunk)
      if (text.length > largestEvent) throw new Error('A line is larger than 32 MiB.')
      let from = 0
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        const line = text.slice(from, text[end - 1] === '\r' && end > from ? end - 1 : end)
        from = end + 1
        take(line)
      }
      if (from > 0) text = text.slice(from)
    },
  }
}
