import { setTimeout as sleep } from 'node:timers/promises'

import { inBackground, tellFault } from '../ground/guarded.ts'
import type { WorkerHandle } from './driver.ts'
import type { KeeperClient, Watch } from './keeper-client.ts'
import type { StartedKeeper } from './keeper-host.ts'
import type { KeeperEnd } from './keeper-process.ts'
import type { KeeperExit } from '../keeper/protocol.ts'
import { endWorker, isKept } from './process-handle.ts'

/** The keeper of a worker, seen from the gateway: our child, or one that another has started. */
export interface KeeperLife {
  /** Settles when the process has ended. */
  readonly ended: Promise<KeeperEnd>
  /** How its server ended, if the keeper has told us who watch. */
  told(): KeeperExit | undefined
  kill(): void
}

/** Of one of which it is not known how it ended: somebody else was its parent. */
export const unseen: KeeperEnd = { code: null, signal: null }

const onFault = tellFault('killing a worker')
const shortestPauseMs = 10
const longestPauseMs = 100

/** Our own child, which ends with us. */
export function lifeOfChild(keeper: StartedKeeper, handle: WorkerHandle): KeeperLife {
  return { ended: keeper.ended, kill: killing(keeper, handle), told: () => undefined }
}

/** Our own child, which outlives us: it has to know that a gateway is there. */
export function lifeOfOutliving(
  keeper: StartedKeeper,
  handle: WorkerHandle,
  client: KeeperClient,
): KeeperLife {
  keeper.letGo()
  const { told } = follow(client, handle)
  return { ended: keeper.ended, kill: killing(keeper, handle), told }
}

/** Our own child, which ends with us until it has a session, and outlives us from then on. */
export function lifeOfWarm(
  keeper: StartedKeeper,
  handle: WorkerHandle,
  client: KeeperClient,
): KeeperLife & { onClaimed(): void } {
  let told: KeeperLife['told'] = () => undefined
  return {
    ended: keeper.ended,
    kill: killing(keeper, handle),
    told: () => told(),
    onClaimed() {
      keeper.letGo()
      told = follow(client, handle).told
    },
  }
}

/** One that another gateway has started, by the first connection that was opened to it. */
export function lifeOfAttached(
  first: Watch,
  client: KeeperClient,
  handle: WorkerHandle,
): KeeperLife {
  const { gone, told } = follow(client, handle, first)
  const kill = (): void => inBackground(endWorker(handle), onFault)
  return { ended: gone.then(() => unseen), kill, told }
}

/** Of our own child, whose pid nobody else can have. */
const killing = (keeper: StartedKeeper, handle: WorkerHandle): (() => void) =>
  keeper.isShared ? () => inBackground(endWorker(handle), onFault) : keeper.kill

/**
 * Stays connected as long as the very process that is meant runs. Its end is heard of, and only
 * then looked for: a worker that is left alone costs nothing.
 */
function follow(client: KeeperClient, handle: WorkerHandle, first?: Watch) {
  let exit: KeeperExit | undefined
  const watchOn = async (): Promise<void> => {
    exit = await first?.over
    // Who has told how its server ended leaves as soon as the last answers have.
    for (let pauseMs = shortestPauseMs; await isKept(handle);) {
      if (exit === undefined) {
        const watch = await client.watch()
        exit = await watch?.over
        if (watch !== undefined) pauseMs = shortestPauseMs
      }
      // Not the clock's timers: those let this process end while it waits.
      if (await isKept(handle)) await sleep(pauseMs)
      pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)
    }
  }
  return { gone: watchOn(), told: () => exit }
}
