import { randomBytes } from 'node:crypto'

import { eventText } from '../ground/whole-events.ts'
import type { Receiver } from '../proxy/inner.ts'
import { streamType } from './out.ts'

/**
 * What reaches a client beside the answers to its requests, of all its servers: one stream, and a
 * bounded log of what it has carried, from which it goes on where it broke off.
 */
export interface Standalone {
  readonly isOpen: boolean
  push(message: string): void
  /** @param lastEventId of the stream that this one goes on from; else what nobody was sent comes first */
  attach(receiver: Receiver, lastEventId: string | undefined): void
  detach(receiver: Receiver): void
  /** Whether it has carried an event with such an id. */
  isOwn(eventId: string): boolean
}

const mostEvents = 256
const mostBytes = 512 * 1024

interface Logged {
  seq: number
  text: string
}

export function createStandalone(): Standalone {
  let epoch = ''
  const log: Logged[] = []
  let bytes = 0
  let seq = 0
  let sentSeq = 0
  let open: Receiver | undefined

  const idOf = (of: number): string => `berth~${epoch}.${of}`
  const send = (receiver: Receiver, { seq: of, text }: Logged): void => {
    sentSeq = Math.max(sentSeq, of)
    receiver.data(Buffer.from(eventText(text, idOf(of))))
  }

  return {
    get isOpen() {
      return open !== undefined
    },

    push(text) {
      if (epoch === '') epoch = randomBytes(6).toString('hex')
      seq += 1
      const logged = { seq, text }
      log.push(logged)
      bytes += text.length
      while (log.length > mostEvents || (bytes > mostBytes && log.length > 1)) {
        bytes -= log.shift()?.text.length ?? 0
      }
      if (open !== undefined) send(open, logged)
    },

    attach(receiver, lastEventId) {
      const [, ofEpoch, of] = /^berth~(\w+)\.(\d+)$/.exec(lastEventId ?? '') ?? []
      const fromSeq = ofEpoch === epoch && of !== undefined ? Number(of) : sentSeq
      open?.end()
      open = receiver
      receiver.head(200, streamType)
      for (const logged of log) if (logged.seq > fromSeq) send(receiver, logged)
    },

    detach(receiver) {
      if (open === receiver) open = undefined
    },

    isOwn: (eventId) => eventId.startsWith('berth~'),
  }
}
