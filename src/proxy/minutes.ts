import type { Clock } from '../ground/clock.ts'

export const minuteMs = 60_000

/** Counts what happens within a minute, which begins with the first of it. */
export interface Minutes {
  /** @returns how many milliseconds there is no room for so many more; 0 where there is room */
  fullForMs(key: string, more: number, limit: number): number
  /** Where there is room. */
  add(key: string, more: number): void
}

export interface OwnMinutes extends Minutes {
  /** Others have counted too: so many there are, and for so long they count. */
  learn(key: string, count: number, leftMs: number): void
}

interface Minute {
  count: number
  endsAtMs: number
}

export function createMinutes(clock: Pick<Clock, 'now'>): OwnMinutes {
  /** About in the order in which they end. */
  const minutes = new Map<string, Minute>()

  function minuteOf(key: string): Minute | undefined {
    // So that nothing of those stays who never come back.
    for (const [past, { endsAtMs }] of minutes) {
      if (endsAtMs > clock.now()) break
      minutes.delete(past)
    }
    const minute = minutes.get(key)
    return minute !== undefined && minute.endsAtMs > clock.now() ? minute : undefined
  }

  function begin(key: string, minute: Minute): void {
    minutes.delete(key)
    minutes.set(key, minute)
  }

  return {
    fullForMs(key, more, limit) {
      const minute = minuteOf(key)
      if ((minute?.count ?? 0) + more <= limit) return 0
      return minute === undefined ? minuteMs : minute.endsAtMs - clock.now()
    },
    add(key, more) {
      const minute = minuteOf(key)
      if (minute === undefined) begin(key, { count: more, endsAtMs: clock.now() + minuteMs })
      else minute.count += more
    },
    learn(key, count, leftMs) {
      const minute = minuteOf(key)
      // Whoever has lost what was counted knows less.
      if (minute !== undefined && minute.count > count) return
      begin(key, { count, endsAtMs: clock.now() + leftMs })
    },
  }
}
