import type { Clock } from '../ground/clock.ts'

/** Remembers for a while what was found out, within a number of entries. */
export interface Memory<T> {
  get(key: string): T | undefined
  set(key: string, value: T, untilMs: number): void
}

/** The oldest goes when it is full; what is over is forgotten when it is asked for. */
export function createMemory<T>(clock: Clock, maxEntries: number): Memory<T> {
  const entries = new Map<string, { value: T; untilMs: number }>()
  return {
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (clock.now() < entry.untilMs) return entry.value
      entries.delete(key)
      return undefined
    },
    set(key, value, untilMs) {
      entries.delete(key)
      entries.set(key, { value, untilMs })
      const [oldest] = entries.keys()
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
    },
  }
}
