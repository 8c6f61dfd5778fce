import type { Access, NameKind } from '../auth/access.ts'
import { mayUse } from '../auth/access.ts'
import type { From } from '../proxy/inner.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'

/** Whether a caller may use that of a server, as the server calls it. */
export type IsAllowed = (
  server: Server | undefined,
  from: From,
  kind: NameKind,
  name: string,
) => boolean

/** What the names that clients see may be used for is asked where every server's are: in the proxy. */
export function createPermission({ server: { access } }: Session): IsAllowed {
  const denied: Access = { allow: undefined, deny: access?.deny ?? [] }
  return (server, { caller }, kind, name) => {
    if (server?.access !== undefined && !mayUse(server.access, caller, kind, name)) return false
    // What the bundle denies is so under an alias, too.
    return kind !== 'resources' || access === undefined || mayUse(denied, caller, kind, name)
  }
}

/** Whether it has to be certain how the messages for these servers are read. */
export const isAnyLimited = (servers: ReadonlyMap<string, Server>): boolean =>
  [...servers.values()].some(({ access }) => access !== undefined)
