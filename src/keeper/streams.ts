import type { Clock } from '../ground/clock.ts'

import { createEventLog } from './event-log.ts'
import type { EventFormat } from './event-log.ts'
import type { Reply } from './reply.ts'
import { createSseStream } from './sse-stream.ts'
import type { Resumption, SseStream, SseStreamOptions } from './sse-stream.ts'

/** The streams of one session, all in one log: standalone ones (GET) and one for each POST. */
export interface Streams<R extends Reply = Reply> {
  create(options: StreamOptions): SseStream<R>
  /** Lets the stream of this event go on after it. */
  resume(reply: R, lastEventId: string): Resumption
}

export interface StreamOptions extends Omit<SseStreamOptions, 'key' | 'log' | 'onSpent'> {
  /** What the ids of its events begin with: lower-case letters and dashes. Default nothing. */
  prefix?: string
}

export interface StreamsOptions {
  clock: Clock
  format?: EventFormat
}

const eventId = /^([0-9a-z-]{1,30})-(\d{1,15})$/

export function createStreams<R extends Reply = Reply>({
  clock,
  format,
}: StreamsOptions): Streams<R> {
  const byKey = new Map<string, SseStream<R>>()
  let created = 0
  const log = createEventLog({ clock, ...(format === undefined ? {} : { format }) })

  return {
    create({ prefix = '', ...options }) {
      const key = `${prefix}${created.toString(36)}`
      created += 1
      const onSpent = (): void => void byKey.delete(key)
      const stream = createSseStream<R>({ ...options, key, log, onSpent })
      byKey.set(key, stream)
      return stream
    },
    resume(reply, lastEventId) {
      const [, key, number] = eventId.exec(lastEventId) ?? []
      const stream = key === undefined ? undefined : byKey.get(key)
      return stream?.resume(reply, Number(number)) ?? 'unknown'
    },
  }
}
