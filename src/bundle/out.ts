import { eventText } from '../ground/whole-events.ts'
import type { Receiver } from '../proxy/inner.ts'

/** What a client of the bundle is answered with: a message, or a stream of them. */
export interface Out {
  /** The whole answer, unless a stream has begun: then its last event. */
  answer(message: string | Buffer): void
  /** A stream begins, if none has: its head leaves at once. */
  open(): void
  event(data: string, id: string | undefined): void
  /** What was sent was taken, and nothing is to be said. */
  accept(): void
  end(): void
}

export const streamType = { 'content-type': 'text/event-stream' }
const jsonType = { 'content-type': 'application/json' }

/** The answer to one request, over its own connection. */
export function outTo(receiver: Receiver): Out {
  let isStream = false
  let isOver = false
  const out: Out = {
    answer(message) {
      if (isOver) return
      if (isStream) out.event(message.toString(), undefined)
      else {
        receiver.head(200, jsonType)
        receiver.data(Buffer.isBuffer(message) ? message : Buffer.from(message))
      }
      out.end()
    },
    open() {
      if (isStream || isOver) return
      isStream = true
      receiver.head(200, streamType)
    },
    event(data, id) {
      if (isOver) return
      out.open()
      receiver.data(Buffer.from(eventText(data, id)))
    },
    accept() {
      if (isOver || isStream) return
      receiver.head(202, {})
      out.end()
    },
    end() {
      if (isOver) return
      isOver = true
      receiver.end()
    },
  }
  return out
}

/**
 * One stream for the requests of a batch (2025-03-26); it ends when all of them have.
 *
 * @returns one for each of them
 */
export function batchOut(receiver: Receiver, count: number): Out[] {
  let left = count
  receiver.head(200, streamType)
  return Array.from({ length: count }, () => {
    let isOver = false
    const one: Out = {
      answer(message) {
        one.event(message.toString(), undefined)
        one.end()
      },
      open: () => undefined,
      event(data, id) {
        if (!isOver) receiver.data(Buffer.from(eventText(data, id)))
      },
      accept: () => one.end(),
      end() {
        if (isOver) return
        isOver = true
        left -= 1
        if (left === 0) receiver.end()
      },
    }
    return one
  })
}
