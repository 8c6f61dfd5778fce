import type { EndReason } from '../ground/events.ts'
import type { SessionRecord, SessionState } from './record.ts'

/** What is to be done with a session now, from its record alone. */
export type Verdict =
  | { due: false; lookAgainAtMs: number }
  | { due: true; reason: Extract<EndReason, 'idle' | 'max-lifetime' | 'start-failed'> }

/**
 * The maximum ends even a busy session. The idle deadline of a session that is not live yet is moved
 * on by the gateway that starts it; when it passes, that gateway is gone.
 */
export function judge(record: SessionRecord, nowMs: number): Verdict {
  if (nowMs >= record.maxAtMs) return { due: true, reason: 'max-lifetime' }
  if (nowMs >= record.idleAtMs) {
    return { due: true, reason: record.state === 'live' ? 'idle' : 'start-failed' }
  }
  return { due: false, lookAgainAtMs: Math.min(record.idleAtMs, record.maxAtMs) }
}

const next: Record<SessionState, readonly SessionState[]> = {
  queued: ['starting', 'closing'],
  starting: ['live', 'closing'],
  live: ['closing'],
  closing: ['closed'],
  closed: [],
}

export function mayMove(from: SessionState, to: SessionState): boolean {
  return next[from].includes(to)
}

/** Whether it takes a place: of its principal, and of the gateway. */
export function takesPlace(record: SessionRecord): boolean {
  return record.state !== 'closed'
}
