import type { WarmPool } from '../workers/warm/pool.ts'
import type { Ending } from './ending.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'
import type { Watch } from './watch.ts'

/** How far a gateway is on its way out. */
export interface Presence {
  /** `draining`: it opens no more sessions. `left`: what still goes on is left to others. */
  stage: 'serving' | 'draining' | 'left'
}

export interface DrainOptions {
  presence: Presence
  store: SessionStore
  sessions: ReadonlyMap<string, OwnSession>
  ending: Ending
  watch: Watch
  warm: Pick<WarmPool, 'close'>
}

/** The verb of `Sessions` of this name. */
export function createDrain(options: DrainOptions): (drainMs: number) => Promise<void> {
  const { presence, store, sessions, ending, watch, warm } = options
  const isOpening = ({ record }: OwnSession): boolean =>
    record.state === 'queued' || record.state === 'starting'
  const isBusy = (session: OwnSession): boolean => session.carried > 0 || isOpening(session)

  return async function drain(drainMs) {
    presence.stage = 'draining'
    const cooled = warm.close()
    const untilMs = Date.now() + drainMs
    while ([...sessions.values()].some(isBusy) && Date.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    const leaves = store.isShared && store.isAvailable()
    const doomed = [...sessions.values()].filter(
      (session) => !store.isShared || isOpening(session) || session.end !== undefined,
    )
    const ended = Promise.all(doomed.map((session) => ending.close(session, 'drained')))
    presence.stage = 'left'
    await ended
    watch.stop()
    await ending.settled()
    await cooled
    // What was carried until now is to be idle from now on.
    if (leaves) await watch.tell().catch(() => undefined)
  }
}
