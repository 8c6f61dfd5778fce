import { GatewayError } from '../ground/errors.ts'
import { mayMove } from './lifetime.ts'
import type { OwnSession } from './session.ts'
import type { Lease, RecordChanges, SessionStore } from './store.ts'

/**
 * Compare-and-set of a session's record: tried until it is written, or until its state does not
 * allow it any more. A record that the store has lost, or has in an older version because it was
 * brought back from a copy, is written back first.
 *
 * @returns false when the state does not allow it
 * @throws ERR_SESSIONS_STORE
 */
export type Move = (session: OwnSession, changes: RecordChanges, lease?: Lease) => Promise<boolean>

export function createMove(store: SessionStore): Move {
  return async (session, changes, lease) => {
    for (;;) {
      const { state, version } = session.record
      if (changes.state !== undefined && !mayMove(state, changes.state)) return false
      const written = await store.update(session.id, version, changes, lease)
      if (written !== undefined) {
        session.record = written
        return true
      }
      const stored = await store.get(session.id)
      if (stored !== undefined && stored.version >= version) session.record = stored
      else if (!store.isShared || !(await store.restore(session.record))) return false
    }
  }
}

export function isStoreAway(thrown: unknown): boolean {
  return thrown instanceof GatewayError && thrown.code === 'ERR_SESSIONS_STORE'
}
