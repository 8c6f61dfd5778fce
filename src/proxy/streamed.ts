import { bytesOfText } from '../ground/byte-text.ts'
import type { OnFault } from '../ground/guarded.ts'
import { guarded } from '../ground/guarded.ts'
import type { HeaderMap } from '../protocols/protocol.ts'
import type { ClientEnd } from './client-end.ts'
import type { SseEvent } from './sse.ts'
import { createSseReader } from './sse.ts'

/**
 * A stream of events on its way to the client. What comes in one go from the worker leaves in one
 * go: of a short one the head, the events and the end.
 */
export interface Streamed {
  write(chunk: Buffer): void
  /** Reads the events of what waits for the end of this tick to be sent. */
  read(): void
  /** Whether all that was written has been read, and ends with the end of an event. */
  atBoundary(): boolean
  /** Puts something of the gateway's own behind what was written: only where `atBoundary`. */
  add(bytes: string): void
  /** Nothing more follows, but what the gateway itself has to say (as text). */
  end(lastWords?: string): void
  /** It breaks off behind what was written. */
  cut(): void
}

/**
 * @param read is told of each event, before it is sent
 * @param onFault what it throws, where nobody has called this
 */
export function createStreamed(
  client: ClientEnd,
  { statusCode, headers }: { statusCode: number; headers: HeaderMap },
  read: (event: SseEvent) => void,
  onFault: OnFault,
): Streamed {
  const reader = createSseReader(read)
  let isHeadDue = true
  let isTickDue = false
  let isOver = false
  /** As strings of bytes: what was not read yet, and what has only to be sent. */
  let unread = ''
  let due = ''

  const readAll = (): void => {
    if (unread === '') return
    const bytes = unread
    unread = ''
    // Before it is read: what follows from it may be the end of this stream.
    due += bytes
    reader.push(bytes)
  }
  const send = (): void => {
    const bytes = due
    due = ''
    if (isHeadDue) {
      isHeadDue = false
      client.head(statusCode, headers, bytes === '' ? undefined : bytes)
    } else if (bytes !== '') client.text(bytes)
  }
  const flush = guarded(() => {
    isTickDue = false
    if (!isOver) readAll()
    if (!isOver) send()
  }, onFault)
  const flushSoon = (): void => {
    if (isTickDue) return
    isTickDue = true
    process.nextTick(flush)
  }
  // An idle stream's head is not to wait for its first event.
  flushSoon()

  return {
    write(chunk) {
      unread += chunk.toString('latin1')
      flushSoon()
    },
    read: readAll,
    atBoundary: () => unread === '' && reader.atBoundary(),
    add(bytes) {
      due += bytes
      flushSoon()
    },
    end(lastWords = '') {
      isOver = true
      const bytes = due + unread + bytesOfText(lastWords)
      if (isHeadDue) client.whole(statusCode, headers, bytes, 'latin1')
      else client.end(bytes)
    },
    cut() {
      isOver = true
      due += unread
      send()
      client.cut()
    },
  }
}
