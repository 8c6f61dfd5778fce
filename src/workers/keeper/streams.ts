import type { ServerResponse } from 'node:http'

import type { Clock } from '../../clock.ts'

import { createEventLog } from './event-log.ts'
import { createSseStream } from './sse-stream.ts'
import type { Resumption, SseStream } from './sse-stream.ts'

/** The streams of one session, all in one log: the standalone one (GET) and one for each POST. */
export interface Streams {
  readonly standalone: SseStream
  /** Opens a new stream as the answer to a POST. */
  add(response: ServerResponse): SseStream
  /** Lets the stream of this event go on after it. */
  resume(response: ServerResponse, lastEventId: string): Resumption
}

export interface StreamsOptions {
  clock: Clock
  headers: Readonly<Record<string, string>>
  canPrime: () => boolean
}

const eventId = /^([0-9a-z]{1,11})-(\d{1,15})$/

export function createStreams({ clock, headers, canPrime }: StreamsOptions): Streams {
  const byKey = new Map<string, SseStream>()
  let created = 0
  const log = createEventLog({ clock })

  function create(isStandalone: boolean): SseStream {
    const key = created.toString(36)
    created += 1
    const onSpent = (): void => void byKey.delete(key)
    const stream = createSseStream({ key, log, headers, canPrime, isStandalone, onSpent })
    byKey.set(key, stream)
    return stream
  }

  return {
    standalone: create(true),
    add(response) {
      const stream = create(false)
      stream.open(response)
      return stream
    },
    resume(response, lastEventId) {
      const [, key, number] = eventId.exec(lastEventId) ?? []
      const stream = key === undefined ? undefined : byKey.get(key)
      return stream?.resume(response, Number(number)) ?? 'unknown'
    },
  }
}
