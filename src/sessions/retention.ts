import type { Clock, Timer } from '../ground/clock.ts'
import { guarded, tellFault } from '../ground/guarded.ts'
import { handleOf } from '../ground/handle.ts'
import type { SessionDirectories } from './directories.ts'
import type { Sessions } from './manager.ts'

const everyMs = 10 * 60 * 1000

/** Keeps what sessions have left behind within its limits: now, and from time to time. */
export function keepRetention({
  clock,
  sessions,
  directories,
}: {
  clock: Clock
  sessions: Sessions
  directories: SessionDirectories
}): Timer {
  let isBusy = false
  async function sweep(): Promise<void> {
    // To look through what there is may take longer than the time between two looks.
    if (isBusy) return
    isBusy = true
    try {
      await look()
    } finally {
      isBusy = false
    }
  }

  async function look(): Promise<void> {
    // Of other gateways, too. A store that is away may know of more: nothing is removed then.
    const records = await sessions.records().catch(() => undefined)
    const open = records?.filter(({ state }) => state !== 'closed').map(({ id }) => handleOf(id))
    if (open !== undefined) await directories.sweep(new Set(open), clock.now())
  }
  const sweepGuarded = guarded(sweep, tellFault('sweeping the folders of ended sessions'))
  sweepGuarded()
  return clock.every(everyMs, sweepGuarded)
}
