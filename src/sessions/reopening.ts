import type { EndReason } from '../ground/events.ts'
import { handleOf } from '../ground/handle.ts'
import type { NamedOpener, Naming } from './naming.ts'
import type { Reopened, SessionRecord } from './record.ts'
import { keyOf } from './record.ts'
import type { Server } from './server.ts'
import type { OwnSession, Session } from './session.ts'
import type { SessionStore } from './store.ts'

/**
 * `onExpired: reopen`. The id that a client keeps of a session that has ended becomes the name of
 * another one (`naming.ts`): that has an id, a worker and folders of its own, and is opened by one
 * gateway, once, however many requests come, and within the same caps.
 */
export interface Reopening {
  /** The live session that goes on under this public id, if it is known here. */
  find(id: string, server: Server, principal: string): Session | undefined
  /** The same for one that another gateway has opened. */
  lookup(id: string, server: Server, principal: string): Promise<Session | undefined>
  /**
   * Opens the next session under this public id, or waits until somebody else has.
   *
   * @returns `isNew`: it is the caller's to `bind` or to `fail`. Undefined where none is to be
   *   opened: the client has to be told that its session has ended
   * @throws what `Sessions.openNamed` throws
   */
  open(
    server: Server,
    opener: NamedOpener,
    id: string,
    signal: AbortSignal,
  ): Promise<{ session: Session; isNew: boolean; reopened: Reopened } | undefined>
}

export interface ReopeningOptions {
  store: SessionStore
  sessions: ReadonlyMap<string, OwnSession>
  naming: Pick<Naming, 'find' | 'lookup' | 'open'>
}

/** Ends that nobody wanted: not the client, not the operator, and no fault of the server. */
const expired: ReadonlySet<EndReason> = new Set(['idle', 'max-lifetime', 'host-lost'])

export function createReopening({ store, sessions, naming }: ReopeningOptions): Reopening {
  /** The latest session of this id that was this client's, whatever has become of it. */
  async function latest(
    id: string,
    server: string,
    principal: string,
  ): Promise<SessionRecord | undefined> {
    const named = await store.getByKey(keyOf(id, server, principal))
    if (named !== undefined) return named
    const record = await store.get(id)
    return record?.server === server && record.principal === principal ? record : undefined
  }

  /** @returns undefined where it is no end after which a session goes on */
  function reopenedOf(record: SessionRecord): Reopened | undefined {
    const { id, reopened, handle } = record
    // That it has ended may be known here, and not be written yet.
    const end = record.end ?? sessions.get(id)?.end
    // Somebody else opens it just now, or the client of whom that was has left, or there was no room
    // to start anything: in a while there may be.
    const isUnstarted = end?.reason === 'start-failed' && handle === undefined
    if (end === undefined || end.reason === 'abandoned' || isUnstarted) return reopened
    if (!expired.has(end.reason)) return undefined
    const { reason, atMs } = end
    return { was: handleOf(id), reason, endedAtMs: atMs, times: (reopened?.times ?? 0) + 1 }
  }

  return {
    find: (id, server, principal) =>
      server.onExpired === 'reopen' ? naming.find(id, server.name, principal) : undefined,

    async lookup(id, server, principal) {
      if (server.onExpired !== 'reopen') return undefined
      return naming.lookup(id, server.name, principal)
    },

    async open(server, opener, id, signal) {
      if (server.onExpired !== 'reopen') return undefined
      const record = await latest(id, server.name, opener.principal)
      const reopened = record === undefined ? undefined : reopenedOf(record)
      const initialize = record?.initialize
      if (reopened === undefined || initialize === undefined) return undefined
      const again = { initialize, reopened }
      const named = await naming.open(server, { ...opener, again }, id, signal)
      return { ...named, reopened }
    },
  }
}
