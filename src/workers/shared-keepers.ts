import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Timer } from '../ground/clock.ts'
import type { KeeperHost, KeeperHostOptions, StartedKeeper } from './keeper-host.ts'
import type { SharingKeeper, SharingOptions } from './sharing-keeper.ts'
import { startSharingKeeper } from './sharing-keeper.ts'

/** Keepers that keep several workers of one server each, and never those of two. */
export interface SharedKeepers {
  /** @param room how many one of them keeps at most */
  of(server: string, room: number): Pick<KeeperHost, 'take'>
  /** Ends those that keep nothing; the others end with their last worker. */
  close(): Promise<void>
}

export interface SharedKeepersOptions
  extends Pick<KeeperHostOptions, 'clock' | 'spares'>, SharingOptions {}

/** About what a gateway or a server needs to start, which the start of a keeper would slow down. */
const refillDelayMs = 500
/** One that keeps nothing is kept for the next session of its server for so long … */
const idleMs = 60_000
/** … unless it has kept so many: whatever it may have gathered goes with it. */
const givenAtMost = 512
/** While spares do not last, more are kept … */
const sparesAtMost = 4
/** … until none was missed for so long. */
const burstMs = 10_000

const onFault = tellFault('keeping keepers')

export function createSharedKeepers(options: SharedKeepersOptions): SharedKeepers {
  const { clock } = options
  const all = new Set<SharingKeeper>()
  const spares: SharingKeeper[] = []
  const idle = new Map<SharingKeeper, Timer>()
  let isClosed = false
  let wanted = options.spares
  let calming: Timer | undefined

  const start = (): SharingKeeper => {
    const keeper = startSharingKeeper(options)
    all.add(keeper)
    const forget = keeper.ended.then(() => {
      all.delete(keeper)
      idle.get(keeper)?.cancel()
      idle.delete(keeper)
      const at = spares.indexOf(keeper)
      if (at !== -1) spares.splice(at, 1)
    })
    inBackground(forget, onFault)
    return keeper
  }
  const refill = (): void => {
    while (!isClosed && spares.length < wanted) spares.push(start())
  }
  const refillSoon = (): void => void clock.after(refillDelayMs, refill)
  refillSoon()

  /** A burst that outruns the spares gets more of them, as long as it lasts. */
  function missed(): void {
    if (options.spares === 0) return
    wanted = Math.min(wanted + 1, sparesAtMost)
    calming?.cancel()
    calming = clock.after(burstMs, () => {
      wanted = options.spares
      for (const keeper of spares.splice(wanted)) keeper.retire()
    })
  }

  function spare(): SharingKeeper {
    const found = spares.shift()
    if (found === undefined) missed()
    refillSoon()
    return found ?? start()
  }

  function hostOf(): Pick<KeeperHost, 'take'> & { room: number } {
    const own = new Set<SharingKeeper>()
    const find = (room: number): SharingKeeper | undefined =>
      // The fullest first, so that others come to keep nothing.
      [...own]
        .filter((each) => !each.isOver() && each.kept() < room && each.given() < givenAtMost)
        .sort((one, other) => other.kept() - one.kept())[0]

    function adopt(keeper: SharingKeeper): void {
      own.add(keeper)
      inBackground(
        keeper.ended.then(() => own.delete(keeper)),
        onFault,
      )
      keeper.onLeft(() => {
        if (keeper.kept() > 0) return
        const isLast = keeper.given() >= givenAtMost || [...own].some((each) => idle.has(each))
        if (isClosed || isLast) retire(keeper)
        else
          idle.set(
            keeper,
            clock.after(idleMs, () => retire(keeper)),
          )
      })
    }

    function retire(keeper: SharingKeeper): void {
      own.delete(keeper)
      idle.get(keeper)?.cancel()
      idle.delete(keeper)
      keeper.retire()
    }

    return {
      room: 1,
      async take(): Promise<StartedKeeper> {
        const keeper = find(this.room) ?? spare()
        if (!own.has(keeper)) adopt(keeper)
        idle.get(keeper)?.cancel()
        idle.delete(keeper)
        return keeper.give()
      },
    }
  }

  const hosts = new Map<string, ReturnType<typeof hostOf>>()
  return {
    of(server, room) {
      let host = hosts.get(server)
      if (host === undefined) hosts.set(server, (host = hostOf()))
      host.room = room
      return host
    },
    async close() {
      isClosed = true
      calming?.cancel()
      const leaving = [...all].filter((keeper) => keeper.kept() === 0)
      for (const keeper of leaving) keeper.retire()
      await Promise.all(leaving.map(({ ended }) => ended))
    },
  }
}
