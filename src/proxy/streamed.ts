import type { OnFault } from '../ground/guarded.ts'
import { guarded } from '../ground/guarded.ts'
import type { ClientEnd } from './client-end.ts'
import type { SseEvent } from './sse.ts'
import { createSseReader } from './sse.ts'

/** A stream of events on its way to the client. */
export interface Streamed {
  write(chunk: Buffer): void
  /** Sends at once what would leave in the next tick. */
  flush(): void
  /** Whether all that was written has been sent, and ends with the end of an event. */
  atBoundary(): boolean
  /** What has not been sent never will be. */
  stop(): void
}

/**
 * @param read is told of each event, when it is sent
 * @param onFault what it throws, where nobody has called this
 */
export function createStreamed(
  client: ClientEnd,
  read: (event: SseEvent) => void,
  onFault: OnFault,
): Streamed {
  const reader = createSseReader(read)
  /** As a string of bytes. */
  let waiting = ''
  const flush = (): void => {
    if (waiting === '') return
    const bytes = waiting
    waiting = ''
    reader.push(bytes)
    client.text(bytes)
  }
  const flushSoon = guarded(flush, onFault)
  return {
    // What came in one go from the worker leaves in one go.
    write(chunk) {
      if (waiting === '') process.nextTick(flushSoon)
      waiting += chunk.toString('latin1')
    },
    flush,
    atBoundary: () => waiting === '' && reader.atBoundary(),
    stop() {
      waiting = ''
    },
  }
}
