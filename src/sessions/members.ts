import type { GatewayError } from '../ground/errors.ts'
import type { Adopting } from './adopting.ts'
import { endedError } from './ending.ts'
import type { Naming, NamedOpener } from './naming.ts'
import type { SessionEnd } from './record.ts'
import { keyOf } from './record.ts'
import type { Server } from './server.ts'
import type { OwnSession, Session } from './session.ts'
import type { SessionStore } from './store.ts'

/**
 * The sessions that a bundle's session has at the servers of the bundle: ordinary ones, each named
 * after its parent, so that every gateway of a store finds them, and one of several opens them.
 */
export interface Members {
  /**
   * The one that goes on, here or at another gateway, else a new one: `isNew`, and then it is the
   * caller's to `bind` or to `fail`, and `before` is how the one before it ended.
   *
   * @throws what `Sessions.openNamed` throws, ERR_SESSIONS_ENDED when the parent ends meanwhile
   */
  open(
    parent: Session,
    server: Server,
    opener: Pick<NamedOpener, 'credentials' | 'allowance'>,
    signal: AbortSignal,
  ): Promise<OpenedMember>
  /** The live one, here or at another gateway; undefined where there is none. */
  lookup(parent: Session, server: Server): Promise<Session | undefined>
  /** Ends those of a session that ends. */
  end(parent: Session): Promise<void>
}

export interface OpenedMember {
  session: Session
  isNew: boolean
  before: SessionEnd | undefined
}

export interface MembersOptions {
  store: SessionStore
  naming: Pick<Naming, 'lookup' | 'open'>
  adopting: Pick<Adopting, 'end'>
  close(session: OwnSession, end: SessionEnd): Promise<void>
}

/** No client could have chosen it: it fits into no header. */
const nameOf = ({ id }: Session): string => `\0${id}`

export function createMembers({ store, naming, adopting, close }: MembersOptions): Members {
  return {
    lookup: (parent, server) => naming.lookup(nameOf(parent), server.name, parent.principal),

    async open(parent, server, { credentials, allowance }, signal) {
      const { principal, handle } = parent
      const ended = new AbortController()
      const forget = parent.onEnding((end) => ended.abort(endedError(end)))
      try {
        const until = AbortSignal.any([signal, ended.signal])
        const before = await store.getByKey(keyOf(nameOf(parent), server.name, principal))
        const opener = { principal, credentials, parent: handle, allowance }
        const { session, isNew } = await naming.open(server, opener, nameOf(parent), until)
        if (parent.end !== undefined) {
          await close(session, parent.end)
          throw ended.signal.reason as GatewayError
        }
        return { session, isNew, before: isNew ? before?.end : undefined }
      } finally {
        forget()
      }
    },

    async end(parent) {
      const { principal, server, end } = parent
      if (server.launch.kind !== 'inside') return
      const ends = server.launch.members.map(async (member) => {
        const record = await store.getByKey(keyOf(nameOf(parent), member, principal))
        if (record?.end !== undefined || record === undefined) return
        await adopting.end(record, end?.reason ?? 'stopped')
      })
      await Promise.all(ends)
    },
  }
}
