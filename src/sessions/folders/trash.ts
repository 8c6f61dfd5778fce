import fs from 'node:fs/promises'

import type { Clock, Timer } from '../../ground/clock.ts'
import type { Events } from '../../ground/events.ts'
import { inBackground } from '../../ground/guarded.ts'
import { emptyOnce, freshIn } from './emptying.ts'
import type { Disk } from './entries.ts'
import { codeOf, openUp, unless } from './entries.ts'

/**
 * Where folders of sessions go that nobody needs any more. A worker may have left anything in them:
 * trees deeper than a path can be long, half a million files, folders without any mode, mounts, names
 * that are no text. So they are moved here in one step and removed from here in small ones, beside
 * whatever else there is to do. What cannot be removed is told once and tried again, less and less
 * often; nobody waits for it, and nothing is ever thrown.
 */
export interface Trash {
  /**
   * Moves a file or folder here; one that is not there is a success.
   *
   * @returns false when it stands where it stood: its owner may try again later
   */
  take(path: string): Promise<boolean>
  /** Tells of what cannot even be looked at, as of what cannot be moved. */
  tell(path: string, thrown: unknown): void
  /** Settles when there is nothing to do at the moment. */
  idle(): Promise<void>
  /** Goes on for a moment; what is left then is removed by the next who opens it. */
  close(): Promise<void>
}

export interface TrashOptions {
  /** Its own, on the same disk as what it takes. */
  folder: string
  clock: Clock
  events: Pick<Events, 'emit'>
  /** Default: the system's. */
  disk?: Disk
}

/** Between two tries of what cannot be removed: from a minute to six hours. */
const firstWaitMs = 60_000
const longestWaitMs = 6 * 3_600_000
/** After so many entries there is a rest: somebody may still be writing new ones. */
const entriesPerRun = 200_000
const restMs = 1000
/** For what is in it at the end; an ordinary session's folder takes some milliseconds. */
const closingMs = 1000

export function createTrash({ folder, clock, events, disk = fs }: TrashOptions): Trash {
  const place = Buffer.from(folder)
  let running: Promise<void> | undefined
  /** Counts what has been taken, so that nothing is forgotten that comes at the end of a run. */
  let wanted = 0
  let isClosed = false
  let waitMs = firstWaitMs
  let resting: Timer | undefined
  let retrying: Timer | undefined
  /** What was tried in vain, and is not tried again before its time. */
  const stuck = new Set<string>()
  let left = 0
  /** What has been told is not told again before it has got better. */
  const told = { moving: false, removing: false }

  function warn(what: keyof typeof told, message: string): void {
    if (told[what]) return
    told[what] = true
    events.emit('operator.warned', { message: `${message} Berth tries again from time to time.` })
  }

  function kick(): void {
    wanted += 1
    if (running !== undefined || isClosed) return
    const begun = wanted
    running = run().finally(() => {
      running = undefined
      if (wanted !== begun) kick()
    })
  }

  async function run(): Promise<void> {
    let seen = 0
    const isOver = (entries: number): boolean => isClosed || (seen += entries) > entriesPerRun
    for (;;) {
      const begun = wanted
      const { removed, stuck: found, why } = await emptyOnce(disk, place, isOver, stuck)
      if (isClosed) return
      if (seen > entriesPerRun) {
        resting = clock.after(restMs, kick)
        return
      }
      // What has got stuck is tried once more, now that there may be less in it.
      if (removed > 0 || (wanted !== begun && found.length === 0)) continue
      for (const name of found) stuck.add(name)
      if (wanted === begun) {
        conclude(why)
        return
      }
    }
  }

  function conclude(why = 'no reason'): void {
    if (stuck.size !== left) events.emit('folders.left', { count: (left = stuck.size) })
    if (left === 0) {
      waitMs = firstWaitMs
      told.removing = false
      return
    }
    warn('removing', `What ended sessions have left cannot be removed (${why}): see ${folder}.`)
    if (retrying !== undefined) return
    retrying = clock.after(waitMs, () => {
      retrying = undefined
      stuck.clear()
      kick()
    })
    waitMs = Math.min(waitMs * 2, longestWaitMs)
  }

  function tell(path: string, thrown: unknown): void {
    const why = codeOf(thrown)
    warn('moving', `The folder of an ended session cannot be removed (${why}): see ${path}.`)
  }

  // What an earlier gateway could not finish.
  kick()

  return {
    tell,
    async take(path) {
      const from = Buffer.from(path)
      try {
        await openUp(disk, from)
        if (!(await unless(['ENOENT'], disk.rename(from, freshIn(place))))) {
          // The trash itself may have been removed.
          await disk.mkdir(folder, { recursive: true, mode: 0o700 })
          await disk.rename(from, freshIn(place))
        }
        told.moving = false
        kick()
        return true
      } catch (thrown) {
        if (codeOf(thrown) === 'ENOENT') return true
        tell(path, thrown)
        return false
      }
    },
    async idle() {
      while (running !== undefined) await running
    },
    async close() {
      resting?.cancel()
      retrying?.cancel()
      await new Promise<void>((resolve) => {
        const limit = clock.after(closingMs, resolve)
        const settled = (): void => {
          limit.cancel()
          resolve()
        }
        inBackground((running ?? Promise.resolve()).finally(settled), settled)
      })
      isClosed = true
    },
  }
}
