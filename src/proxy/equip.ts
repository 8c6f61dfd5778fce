import type { Caller } from '../auth/check.ts'
import type { Credentials } from '../auth/credentials.ts'
import type { ResolvedCredentials } from '../ground/credentials.ts'
import { GatewayError } from '../ground/errors.ts'
import { createSharedWork } from '../ground/shared-work.ts'
import { isOwnKey } from '../protocols/worker-headers.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'

/** Gives a session of a remote server that another gateway has opened the headers of its caller. */
export interface Equipping {
  /**
   * Several requests of one session share the work, and go on in the order in which they came.
   *
   * @returns undefined when the session has all that it needs
   * @throws ERR_SESSIONS_NOT_FOUND where this caller, or this request, lacks something: what the
   *   client does then, `initialize`, says what. ERR_AUTH_SECRETS
   */
  equip(session: Session, who: Who): Promise<void> | undefined
}

export interface Who {
  caller: Caller
  /** Of `clientHeaders`; a client may send them with every request, but need not. */
  credentialHeaders: Readonly<Record<string, string>>
}

export function createEquipping(credentials: Credentials): Equipping {
  const share = createSharedWork<Session, undefined>()

  async function resolve(session: Session, who: Who): Promise<undefined> {
    const find = resolverOf(credentials, { ...who, server: session.server })
    const found = await find?.(new AbortController().signal)
    if (found !== undefined) session.equip(found.headers)
    return undefined
  }

  return {
    equip(session, who) {
      if (session.isEquipped) return undefined
      return share(session, () =>
        resolve(session, who).catch((thrown: unknown) => {
          if (!(thrown instanceof GatewayError) || thrown.code !== 'ERR_AUTH_CREDENTIAL')
            throw thrown
          throw new GatewayError('ERR_SESSIONS_NOT_FOUND', {
            cause: thrown,
            ...(thrown.data === undefined ? {} : { data: thrown.data }),
          })
        }),
      )
    },
  }
}

/** How to find out what the worker gets of who asks, for a server that gets something. */
export function resolverOf(
  credentials: Credentials,
  { server, caller, credentialHeaders: headers }: Who & { server: Server },
): ((signal: AbortSignal) => Promise<ResolvedCredentials>) | undefined {
  const { name, credentials: templates } = server
  if (templates === undefined) return undefined
  return (signal) =>
    credentials.resolve({ server: name, credentials: templates, caller, headers }, signal)
}

/** Takes these headers out of a request, so that nothing can send them on. */
export function takeHeaders(
  headers: Record<string, string | string[] | undefined>,
  names: readonly string[],
): Record<string, string> {
  const taken: Record<string, string> = {}
  for (const name of names) {
    const value = headers[name]
    // A key of Berth's is no credential of anybody's for a server.
    if (typeof value === 'string' && !isOwnKey(name, value)) taken[name] = value
    Reflect.deleteProperty(headers, name)
  }
  return taken
}
