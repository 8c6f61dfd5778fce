import type { Clock } from '../ground/clock.ts'

const minuteMs = 60_000

/** Counts what happens within a minute, which begins with the first of it. */
export interface Minutes {
  /** @returns how many milliseconds there is no room for so many more; 0 where there is room */
  fullForMs(key: string, more: number, limit: number): number
  add(key: string, more: number): void
}

export function createMinutes(clock: Pick<Clock, 'now'>): Minutes {
  /** By key, in the order in which they end. */
  const minutes = new Map<string, { count: number; endsAtMs: number }>()

  /** Each is looked at once when it has ended, whoever asks next. */
  function forgetPast(): void {
    for (const [key, { endsAtMs }] of minutes) {
      if (endsAtMs > clock.now()) return
      minutes.delete(key)
    }
  }

  return {
    fullForMs(key, more, limit) {
      forgetPast()
      const minute = minutes.get(key)
      if ((minute?.count ?? 0) + more <= limit) return 0
      return (minute?.endsAtMs ?? clock.now() + minuteMs) - clock.now()
    },
    add(key, more) {
      const minute = minutes.get(key)
      if (minute !== undefined) minute.count += more
      else minutes.set(key, { count: more, endsAtMs: clock.now() + minuteMs })
    },
  }
}
