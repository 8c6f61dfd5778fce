import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../../src/ground/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time on and calls what is due, in order, each at its own time. */
  advance(ms: number): void
  /** The same, but lets promises settle and sockets be read after each call. */
  advanceSettling(ms: number): Promise<void>
  /** How many timers wait. */
  readonly pending: number
}

interface Alarm {
  atMs: number
  readonly repeatMs: number | undefined
  readonly fn: () => void
}

/** A clock that stands still until it is told otherwise. */
export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  const alarms = new Set<Alarm>()
  let nowMs = startMs

  const add = (ms: number, repeats: boolean, fn: () => void): Timer => {
    // As Node does: nothing is due at once, which also keeps repetitions from standing still.
    const delayMs = Math.max(ms, 1)
    const alarm = { atMs: nowMs + delayMs, repeatMs: repeats ? delayMs : undefined, fn }
    alarms.add(alarm)
    return { cancel: () => alarms.delete(alarm) }
  }

  const ringNext = (untilMs: number): boolean => {
    let next: Alarm | undefined
    for (const alarm of alarms) if (next === undefined || alarm.atMs < next.atMs) next = alarm
    if (next === undefined || next.atMs > untilMs) return false
    nowMs = next.atMs
    if (next.repeatMs === undefined) alarms.delete(next)
    else next.atMs += next.repeatMs
    next.fn()
    return true
  }

  return {
    now: () => nowMs,
    after: (ms, fn) => add(ms, false, fn),
    every: (ms, fn) => add(ms, true, fn),
    advance(ms) {
      const untilMs = nowMs + ms
      while (ringNext(untilMs));
      nowMs = untilMs
    },
    async advanceSettling(ms) {
      const untilMs = nowMs + ms
      await settle()
      while (ringNext(untilMs)) await settle()
      nowMs = untilMs
    },
    get pending() {
      return alarms.size
    },
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn()
}
