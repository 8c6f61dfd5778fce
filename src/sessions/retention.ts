import type { Clock, Timer } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { guarded, tellFault } from '../ground/guarded.ts'
import { handleOf } from '../ground/handle.ts'
import type { SessionDirectories } from './directories.ts'
import type { Sessions } from './manager.ts'

const everyMs = 10 * 60 * 1000
/** Many may fail while nothing more can go. */
const pauseMs = 2000

/**
 * Keeps what sessions have left behind within its limits: now, from time to time, and when the disk
 * was too full to start one.
 */
export function keepRetention({
  clock,
  events,
  sessions,
  directories,
  running,
}: {
  clock: Clock
  events: Events
  sessions: Sessions
  directories: SessionDirectories
  /** The workers that run here: those that wait for a session are in no record. */
  running(): Promise<{ session: string }[]>
}): Timer {
  let isBusy = false
  let againAtMs = 0
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
    if (records === undefined) return
    const open = records.filter(({ state }) => state !== 'closed').map(({ id }) => handleOf(id))
    const used = (await running()).map(({ session }) => session)
    await directories.sweep(new Set([...open, ...used]), clock.now())
  }
  const sweepGuarded = guarded(sweep, tellFault('sweeping the folders of ended sessions'))
  sweepGuarded()
  const timer = clock.every(everyMs, sweepGuarded)
  const forget = events.on('request.failed', ({ code }) => {
    if (code !== 'ERR_WORKERS_DISK' || clock.now() < againAtMs) return
    againAtMs = clock.now() + pauseMs
    sweepGuarded()
  })
  return {
    cancel() {
      forget()
      timer.cancel()
    },
  }
}
