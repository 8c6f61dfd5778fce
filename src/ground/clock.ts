import { guarded, tellFault } from './guarded.ts'

/**
 * The clock as a value, so that tests may replace it; nothing else in Berth is ever faked.
 *
 * `now()` is wall-clock time in milliseconds since the epoch, because deadlines are absolute
 * times that stand in a record which several processes read.
 */
export interface Clock {
  now(): number
  /** Calls `fn` once after `ms` milliseconds. The timer never keeps the process alive. */
  after(ms: number, fn: () => void): Timer
  /** Calls `fn` every `ms` milliseconds. The timer never keeps the process alive. */
  every(ms: number, fn: () => void): Timer
}

export interface Timer {
  /** Idempotent. After it returns the function is not called any more. */
  cancel(): void
}

/** Who has something to end when its timer fails guards what it gives. */
const onFault = tellFault('a timer')

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(guarded(fn, onFault), ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  every(ms, fn) {
    const timer = setInterval(guarded(fn, onFault), ms)
    timer.unref()
    return { cancel: () => clearInterval(timer) }
  },
}
