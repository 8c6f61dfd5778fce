import type { Clock, Timer } from '../ground/clock.ts'

import { createQueue } from './queue.ts'
import type { Queued } from './queue.ts'

/** What the log knows of one stream. Numbers of events count from 1 within a stream. */
export interface Trail {
  readonly key: string
  /** The newest number given out. */
  last: number
  /** The newest number that the log no longer holds; from there on nothing can be replayed. */
  lost: number
  /** How many events the log holds. */
  kept: number
  /** Whether what was written is still on its way out of this process. */
  isBehind(): boolean
  /** Called when the log no longer holds any event of this stream. */
  onEmpty(): void
}

export interface LoggedEvent extends Queued<LoggedEvent> {
  readonly trail: Trail
  readonly number: number
  readonly frame: string
  readonly bytes: number
  sentAtMs: number
}

/** How an event is written that is sent, and sent again. */
export interface EventFormat {
  /** What a string of it stands for: text, or bytes (latin1) as they came. */
  readonly encoding: 'utf8' | 'latin1'
  frame(id: string, content: string): string
}

/** The content is a JSON text of one line. */
export const messageFormat: EventFormat = {
  encoding: 'utf8',
  frame: (id, json) => `id: ${id}\nevent: message\ndata: ${json}\n\n`,
}

/**
 * The events of a session, for replay. It is bounded in number and bytes; the newest event alone
 * may be larger than the bound. What was sent is also forgotten after a time, because nobody tells
 * a server that an event arrived; what was never sent waits.
 */
export interface EventLog {
  readonly format: EventFormat
  /** Numbers an event and keeps it as not sent yet. */
  add(trail: Trail, content: string): LoggedEvent
  markSent(event: LoggedEvent): void
  /** The events of a stream after this number, in order. */
  after(trail: Trail, number: number): LoggedEvent[]
  /** The events of a stream that no connection has taken yet, in order. */
  unsent(trail: Trail): LoggedEvent[]
}

export interface EventLogOptions {
  clock: Clock
  /** Default `messageFormat`. */
  format?: EventFormat
  limitEvents?: number
  limitBytes?: number
  /** How long a sent event can be replayed. */
  keepMs?: number
}

export function createEventLog({
  clock,
  format = messageFormat,
  limitEvents = 1000,
  limitBytes = 4 * 1024 * 1024,
  keepMs = 60_000,
}: EventLogOptions): EventLog {
  // Both in the order of a stream's numbers; of each stream, the sent events come first.
  const sent = createQueue<LoggedEvent>()
  const waiting = createQueue<LoggedEvent>()
  let heldBytes = 0
  let expiry: Timer | undefined

  function evict(event: LoggedEvent): void {
    if (!sent.remove(event)) waiting.remove(event)
    heldBytes -= event.bytes
    event.trail.lost = event.number
    event.trail.kept -= 1
    if (event.trail.kept === 0) event.trail.onEmpty()
  }

  /** What was sent goes first: it has probably arrived, what waits has certainly not. */
  function makeRoom(newest: LoggedEvent): void {
    while (sent.size() + waiting.size() > limitEvents || heldBytes - newest.bytes > limitBytes) {
      const oldest = sent.first() ?? waiting.first()
      if (oldest === undefined || oldest === newest) return
      evict(oldest)
    }
  }

  function putLast(event: LoggedEvent): void {
    event.sentAtMs = clock.now()
    sent.remove(event)
    sent.addLast(event)
  }

  function expire(): void {
    expiry = undefined
    const now = clock.now()
    // Each once: those that are put last come no sooner for it.
    for (const event of [...sent]) {
      const leftMs = event.sentAtMs + keepMs - now
      if (leftMs > 0) {
        expiry = clock.after(leftMs, expire)
        return
      }
      if (event.trail.isBehind()) putLast(event)
      else evict(event)
    }
    const next = sent.first()
    if (next !== undefined) expiry = clock.after(next.sentAtMs + keepMs - now, expire)
  }

  return {
    format,
    add(trail, content) {
      trail.last += 1
      const frame = format.frame(`${trail.key}-${trail.last}`, content)
      const bytes = Buffer.byteLength(frame, format.encoding)
      const event: LoggedEvent = {
        trail,
        number: trail.last,
        frame,
        bytes,
        sentAtMs: 0,
        queue: undefined,
        before: undefined,
        behind: undefined,
      }
      waiting.addLast(event)
      trail.kept += 1
      heldBytes += bytes
      makeRoom(event)
      return event
    },
    markSent(event) {
      // An event may have been evicted while it was collected for a replay.
      if (!waiting.remove(event) && !sent.has(event)) return
      putLast(event)
      expiry ??= clock.after(keepMs, expire)
    },
    after: (trail, number) =>
      [...sent, ...waiting].filter((event) => event.trail === trail && event.number > number),
    unsent: (trail) => [...waiting].filter((event) => event.trail === trail),
  }
}
