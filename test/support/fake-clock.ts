import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../../src/ground/clock.ts'
import { systemClock } from '../../src/ground/clock.ts'

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
  repeatMs: number | undefined
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

export interface MovableClock extends Clock {
  /** Moves time on by so much at once, and calls what becomes due on the way, in order. */
  advance(ms: number): Promise<void>
}

/** A clock that runs as the system's does, and can be moved on besides. */
export function movableClock(): MovableClock {
  const alarms = new Map<Alarm, NodeJS.Timeout>()
  let aheadMs = 0
  const now = (): number => Date.now() + aheadMs

  const ring = (alarm: Alarm): void => {
    clearTimeout(alarms.get(alarm))
    alarms.delete(alarm)
    if (alarm.repeatMs !== undefined) {
      alarm.atMs = Math.max(alarm.atMs + alarm.repeatMs, now() - alarm.repeatMs)
      wait(alarm)
    }
    alarm.fn()
  }
  const wait = (alarm: Alarm): void => {
    const timer = setTimeout(() => ring(alarm), Math.max(alarm.atMs - now(), 0))
    alarms.set(alarm, timer.unref())
  }
  const add = (ms: number, repeatMs: number | undefined, fn: () => void): Timer => {
    const alarm = { atMs: now() + ms, repeatMs, fn }
    wait(alarm)
    return {
      cancel() {
        clearTimeout(alarms.get(alarm))
        alarms.delete(alarm)
        alarm.repeatMs = undefined
      },
    }
  }

  return {
    now,
    after: (ms, fn) => add(ms, undefined, fn),
    every: (ms, fn) => add(ms, Math.max(ms, 1), fn),
    async advance(ms) {
      const untilMs = aheadMs + ms
      for (;;) {
        const next = [...alarms.keys()].reduce<Alarm | undefined>(
          (first, alarm) => (first === undefined || alarm.atMs < first.atMs ? alarm : first),
          undefined,
        )
        const stepMs = next === undefined ? Infinity : Math.max(next.atMs - now(), 0)
        if (next === undefined || aheadMs + stepMs > untilMs) break
        aheadMs += stepMs
        ring(next)
        await settle()
      }
      aheadMs = untilMs
      for (const [alarm, timer] of alarms) {
        clearTimeout(timer)
        wait(alarm)
      }
    },
  }
}

/**
 * Runs as the system's does, but what is due in a second or more comes a hundred times later: for
 * what has to happen before, on a machine that stands still for longer.
 */
export const patientClock: Clock = {
  ...systemClock,
  after: (ms, fn) => systemClock.after(ms < 1000 ? ms : 100 * ms, fn),
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn()
}
