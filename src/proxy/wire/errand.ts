import type { IncomingHttpHeaders } from 'node:http'

import type { OnFault } from '../../ground/guarded.ts'
import type { Upstream } from '../client-end.ts'
import type { Receiver } from '../received.ts'

/** What a connection does for one request. */
export interface Carrier {
  pause(): void
  resume(): void
  /** Ends the connection, of which nothing more is told. */
  drop(): void
}

/**
 * One request, from the moment at which it was asked until its answer is complete or never will be.
 * A throw of its receiver breaks off this one alone.
 */
export interface Errand extends Upstream {
  isOver(): boolean
  /** Tells the receiver whom to pause and to abort. */
  begin(): void
  carriedBy(carrier: Carrier): void
  head(statusCode: number, headers: IncomingHttpHeaders): void
  data(part: Buffer): void
  /** The answer is complete, and its connection not its own any more. */
  complete(): void
  /** Nothing (more) will come. */
  fail(cause: Error): void
}

export function createErrand(receiver: Receiver, tell: OnFault): Errand {
  let carrier: Carrier | undefined
  let isOver = false
  let isBroken = false

  function fail(cause: Error): void {
    if (!isOver) breakOff(cause)
  }

  function fault(thrown: unknown): void {
    tell(thrown)
    breakOff(new Error('The answer could not be dealt with.'))
  }

  function breakOff(cause: Error): void {
    if (isBroken) return
    isOver = isBroken = true
    carrier?.drop()
    carrier = undefined
    try {
      receiver.broke(cause)
    } catch (thrown) {
      tell(thrown)
    }
  }

  const errand: Errand = {
    isOver: () => isOver,
    begin() {
      try {
        receiver.sent(errand)
      } catch (thrown) {
        fault(thrown)
      }
    },
    carriedBy(by) {
      carrier = by
    },
    head(statusCode, headers) {
      if (isOver) return
      try {
        receiver.head(statusCode, headers)
      } catch (thrown) {
        fault(thrown)
      }
    },
    data(part) {
      if (isOver) return
      try {
        receiver.data(part)
      } catch (thrown) {
        fault(thrown)
      }
    },
    complete() {
      if (isOver) return
      isOver = true
      carrier = undefined
      try {
        receiver.end()
      } catch (thrown) {
        fault(thrown)
      }
    },
    fail,
    abort: fail,
    pause() {
      carrier?.pause()
    },
    resume() {
      carrier?.resume()
    },
  }
  return errand
}
