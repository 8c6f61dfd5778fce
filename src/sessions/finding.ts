import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import { handleOf } from '../ground/handle.ts'
import type { Adopting } from './adopting.ts'
import type { SessionRecord } from './record.ts'
import { toldOf } from './record.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'

/** How the session of an id is found, or why there is none; the verbs of `Sessions` of these names. */
export interface Finding {
  find(id: string, server: string, principal: string): OwnSession | undefined
  lookup(id: string, server: string, principal: string): Promise<OwnSession>
  explain(id: string, server: string, principal: string): Promise<GatewayError>
}

export interface FindingOptions {
  events: Events
  store: SessionStore
  sessions: ReadonlyMap<string, OwnSession>
  adopting: Adopting
  /** `Sharing.recordOf` */
  recordOf(id: string): Promise<SessionRecord | undefined>
  /** `Watch.ask` */
  ask<T>(look: () => Promise<T | undefined>): Promise<T | undefined>
}

export function createFinding(options: FindingOptions): Finding {
  const { events, store, sessions, adopting, recordOf, ask } = options

  const find = (id: string, server: string, principal: string): OwnSession | undefined => {
    const session = sessions.get(id)
    if (session === undefined || session.end !== undefined) return undefined
    if (session.server.name !== server || session.principal !== principal) return undefined
    return session.record.state === 'live' ? session : undefined
  }

  function explainRecord(
    id: string,
    record: SessionRecord | undefined,
    server: string,
    principal: string,
  ): GatewayError {
    const mine = record?.server === server && record.principal === principal
    const end = mine ? record.end : undefined
    const reason = end?.reason ?? (record === undefined ? 'unknown' : 'foreign')
    events.emit('session.missed', { server, session: handleOf(id), reason })
    return new GatewayError('ERR_SESSIONS_NOT_FOUND', {
      ...(end === undefined
        ? {}
        : { data: { ...toldOf(end), endedAt: new Date(end.atMs).toISOString() } }),
    })
  }

  return {
    find,

    async lookup(id, server, principal) {
      const record = await ask(() => recordOf(id))
      const isTheirs = record?.server === server && record.principal === principal
      if (isTheirs && record.state === 'live' && store.isShared) {
        const session = find(id, server, principal) ?? (await adopting.adopt(record))
        if (session !== undefined) return session
        throw explainRecord(id, await store.get(id), server, principal)
      }
      throw explainRecord(id, record, server, principal)
    },

    async explain(id, server, principal) {
      return explainRecord(id, await store.get(id), server, principal)
    },
  }
}
