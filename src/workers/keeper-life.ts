import { setTimeout as sleep } from 'node:timers/promises'

import type { ProcessIdentity } from './driver.ts'
import { isAlive, killIfAlive } from './identity.ts'
import type { KeeperClient, Watch } from './keeper-client.ts'
import type { KeeperEnd, StartedKeeper } from './keeper-host.ts'
import type { KeeperExit } from '../keeper/protocol.ts'

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

const shortestPauseMs = 10
const longestPauseMs = 100

/** Our own child, which ends with us. */
export function lifeOfChild({ ended, kill }: StartedKeeper): KeeperLife {
  return { ended, kill, told: () => undefined }
}

/** Our own child, which outlives us: it has to know that a gateway is there. */
export function lifeOfOutliving(
  keeper: StartedKeeper,
  client: KeeperClient,
  identity: ProcessIdentity,
): KeeperLife {
  keeper.letGo()
  const { told } = follow(client, identity)
  return { ended: keeper.ended, kill: keeper.kill, told }
}

/** Our own child, which ends with us until it has a session, and outlives us from then on. */
export function lifeOfWarm(
  keeper: StartedKeeper,
  client: KeeperClient,
  identity: ProcessIdentity,
): KeeperLife & { onClaimed(): void } {
  let told: KeeperLife['told'] = () => undefined
  return {
    ended: keeper.ended,
    kill: keeper.kill,
    told: () => told(),
    onClaimed() {
      keeper.letGo()
      told = follow(client, identity).told
    },
  }
}

/** One that another gateway has started, by the first connection that was opened to it. */
export function lifeOfAttached(
  first: Watch,
  client: KeeperClient,
  identity: ProcessIdentity,
): KeeperLife {
  const { gone, told } = follow(client, identity, first)
  return { ended: gone.then(() => unseen), kill: () => killIfAlive(identity), told }
}

/**
 * Stays connected as long as the very process that is meant runs. Its end is heard of, and only
 * then looked for: a worker that is left alone costs nothing.
 */
function follow(client: KeeperClient, identity: ProcessIdentity, first?: Watch) {
  let exit: KeeperExit | undefined
  const watchOn = async (): Promise<void> => {
    exit = await first?.over
    // Who has told how its server ended leaves as soon as the last answers have.
    for (let pauseMs = shortestPauseMs; isAlive(identity);) {
      if (exit === undefined) {
        const watch = await client.watch()
        exit = await watch?.over
        if (watch !== undefined) pauseMs = shortestPauseMs
      }
      // Not the clock's timers: those let this process end while it waits.
      if (isAlive(identity)) await sleep(pauseMs)
      pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)
    }
  }
  return { gone: watchOn(), told: () => exit }
}
