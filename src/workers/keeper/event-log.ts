import type { Clock, Timer } from '../../clock.ts'

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

export interface LoggedEvent {
  readonly trail: Trail
  readonly number: number
  readonly frame: string
  readonly bytes: number
  sentAtMs: number
}

/**
 * The events of a session, for replay. It is bounded in number and bytes; the newest event alone
 * may be larger than the bound. What was sent is also forgotten after a time, because nobody tells
 * a server that an event arrived; what was never sent waits.
 */
export interface EventLog {
  /** Numbers an event and keeps it as not sent yet. The JSON text is one line. */
  add(trail: Trail, json: string): LoggedEvent
  markSent(event: LoggedEvent): void
  /** The events of a stream after this number, in order. */
  after(trail: Trail, number: number): LoggedEvent[]
  /** The events of a stream that no connection has taken yet, in order. */
  unsent(trail: Trail): LoggedEvent[]
}

export interface EventLogOptions {
  clock: Clock
  limitEvents?: number
  limitBytes?: number
  /** How long a sent event can be replayed. */
  keepMs?: number
}

export function createEventLog({
  clock,
  limitEvents = 1000,
  limitBytes = 4 * 1024 * 1024,
  keepMs = 60_000,
}: EventLogOptions): EventLog {
  // Both in the order of a stream's numbers; of each stream, the sent events come first.
  const sent = new Set<LoggedEvent>()
  const waiting = new Set<LoggedEvent>()
  let heldBytes = 0
  let expiry: Timer | undefined

  function evict(event: LoggedEvent): void {
    if (!sent.delete(event)) waiting.delete(event)
    heldBytes -= event.bytes
    event.trail.lost = event.number
    event.trail.kept -= 1
    if (event.trail.kept === 0) event.trail.onEmpty()
  }

  /** What was sent goes first: it has probably arrived, what waits has certainly not. */
  function makeRoom(newest: LoggedEvent): void {
    for (const queue of [sent, waiting]) {
      for (const event of queue) {
        const isFull = sent.size + waiting.size > limitEvents
        if (event === newest || (!isFull && heldBytes - newest.bytes <= limitBytes)) return
        evict(event)
      }
    }
  }

  function putLast(event: LoggedEvent): void {
    event.sentAtMs = clock.now()
    sent.delete(event)
    sent.add(event)
  }

  function expire(): void {
    expiry = undefined
    const now = clock.now()
    for (const event of sent) {
      const leftMs = event.sentAtMs + keepMs - now
      if (leftMs > 0) {
        expiry = clock.after(leftMs, expire)
        return
      }
      if (event.trail.isBehind()) putLast(event)
      else evict(event)
    }
  }

  return {
    add(trail, json) {
      trail.last += 1
      const frame = `id: ${trail.key}-${trail.last}\nevent: message\ndata: ${json}\n\n`
      const bytes = Buffer.byteLength(frame)
      const event = { trail, number: trail.last, frame, bytes, sentAtMs: 0 }
      waiting.add(event)
      trail.kept += 1
      heldBytes += bytes
      makeRoom(event)
      return event
    },
    markSent(event) {
      // An event may have been evicted while it was collected for a replay.
      if (!waiting.delete(event) && !sent.has(event)) return
      putLast(event)
      expiry ??= clock.after(keepMs, expire)
    },
    after: (trail, number) =>
      [...sent, ...waiting].filter((event) => event.trail === trail && event.number > number),
    unsent: (trail) => [...waiting].filter((event) => event.trail === trail),
  }
}
