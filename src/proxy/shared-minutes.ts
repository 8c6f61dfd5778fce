import type { Clock } from '../ground/clock.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { isStoreAway } from '../sessions/moving.ts'
import type { SessionStore } from '../sessions/store.ts'
import type { Minutes } from './minutes.ts'
import { createMinutes, minuteMs } from './minutes.ts'

const onFault = tellFault('counting what happens in a minute')

/**
 * Minutes that several gateways count together. No call waits for the store: what is counted here is
 * told to it at once, and its answer says what the others have counted. So all of them together let
 * through more than the limit, by as much as comes while the store is asked. While it is away each
 * counts for itself: to stop everybody's calls would be worse than some too many.
 */
export function createSharedMinutes(
  clock: Pick<Clock, 'now'>,
  count: SessionStore['count'],
): Minutes {
  const own = createMinutes(clock)
  /** Counted here and not told yet; one question at a time for each key. */
  const untold = new Map<string, number>()

  async function tell(key: string): Promise<void> {
    try {
      for (let more = untold.get(key) ?? 0; more > 0; more = untold.get(key) ?? 0) {
        untold.set(key, 0)
        const counted = await count(key, more, minuteMs)
        own.learn(key, counted.count + (untold.get(key) ?? 0), counted.leftMs)
      }
    } catch (thrown) {
      if (!isStoreAway(thrown)) throw thrown
    } finally {
      untold.delete(key)
    }
  }

  return {
    fullForMs: own.fullForMs,
    add(key, more) {
      own.add(key, more)
      const before = untold.get(key)
      untold.set(key, (before ?? 0) + more)
      if (before === undefined) inBackground(tell(key), onFault)
    },
  }
}
