import type { Clock } from '../ground/clock.ts'
import type { SessionRecord } from './record.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'

/** Of the sessions that fit, the longest idle that no gateway carries an exchange of. */
export type Idlest = (fits: (session: OwnSession) => boolean) => Promise<OwnSession | undefined>

export function createIdlest(options: {
  clock: Clock
  store: SessionStore
  sessions: ReadonlyMap<string, OwnSession>
}): Idlest {
  const { clock, store, sessions } = options

  function lastActiveAtMs({ idleAtMs, idleMs }: SessionRecord, known: OwnSession): number {
    return Math.max(idleAtMs - idleMs - store.touchEveryMs, known.lastActiveAtMs)
  }

  return async (fits) => {
    const idle = [...sessions.values()]
      .filter(fits)
      .filter(({ record, carried, end }) => record.state === 'live' && carried === 0 && !end)
      .sort((a, b) => lastActiveAtMs(a.record, a) - lastActiveAtMs(b.record, b))
    if (!store.isShared) return idle[0]
    for (const candidate of idle) {
      // What is carried elsewhere is told in every interval, and seen here a while later.
      const record = await store.get(candidate.id)
      const isQuiet =
        record !== undefined &&
        lastActiveAtMs(record, candidate) < clock.now() - 2 * store.touchEveryMs
      if (isQuiet) return candidate
    }
    return undefined
  }
}
