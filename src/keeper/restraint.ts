import type { Clock, Timer } from '../ground/clock.ts'

import type { Reply } from './reply.ts'

/**
 * Holds a server back while a reader of its streams is far behind: a slow client is to slow its server
 * down, and not to lose its stream. All of a stdio server comes through one pipe, so this holds up
 * the whole session; that is why who takes nothing for a while is cut off, and can come back.
 */
export interface Restraint {
  /** Something was written. @param behindBytes what waits for the reader, without one long message */
  wrote(reply: Reply, behindBytes: number): void
  /** It has caught up, or has gone, or nothing more is written to it. */
  freed(reply: Reply): void
}

/** Above this a server is held back. More than is on its way to a client that reads steadily. */
const heldAboveBytes = 1024 * 1024
/** A reader that has taken nothing of what waits for it for so long is cut off. */
const patienceMs = 15_000
const lookEveryMs = 1000

interface Behind {
  waitingBytes: number
  sinceMs: number
}

/** @param hold called when the server is to be held back, and when not any more */
export function createRestraint(clock: Clock, hold: (isHeld: boolean) => void): Restraint {
  const behind = new Map<Reply, Behind>()
  let timer: Timer | undefined

  function freed(reply: Reply): void {
    if (!behind.delete(reply) || behind.size > 0) return
    timer?.cancel()
    timer = undefined
    hold(false)
  }

  function look(): void {
    timer = undefined
    const nowMs = clock.now()
    for (const [reply, seen] of [...behind]) {
      const waitingBytes = reply.writableLength
      if (waitingBytes < seen.waitingBytes) seen.sinceMs = nowMs
      seen.waitingBytes = waitingBytes
      if (nowMs - seen.sinceMs < patienceMs) continue
      freed(reply)
      reply.destroy()
    }
    if (behind.size > 0) timer ??= clock.after(lookEveryMs, look)
  }

  return {
    wrote(reply, behindBytes) {
      if (behindBytes <= heldAboveBytes || behind.has(reply) || reply.destroyed) return
      behind.set(reply, { waitingBytes: reply.writableLength, sinceMs: clock.now() })
      if (behind.size > 1) return
      hold(true)
      timer = clock.after(lookEveryMs, look)
    },
    freed,
  }
}
