import type { Clock } from '../ground/clock.ts'
import type { Adopting } from './adopting.ts'
import type { ResolvedCredentials } from '../ground/credentials.ts'
import { endedError } from './ending.ts'
import type { Again, Opening } from './opening.ts'
import type { Allowance } from './allowance.ts'
import type { SessionRecord } from './record.ts'
import { keyOf } from './record.ts'
import type { Server } from './server.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'

/**
 * Sessions that have a name of their client's choice. A name stands for one session at a time, in
 * all gateways of a store; when that has ended, the next one begins under the same name.
 */
export interface Naming {
  /** The live session of this name, if it is known here. */
  find(name: string, server: string, principal: string): OwnSession | undefined
  /** The record of the session of this name; undefined when there is none that has not ended. */
  recordOf(name: string, server: string, principal: string): Promise<SessionRecord | undefined>
  /** The same session, live here or at another gateway; undefined where there is none. */
  lookup(name: string, server: string, principal: string): Promise<OwnSession | undefined>
  /** `Sessions.openNamed`. */
  open(server: Server, opener: NamedOpener, name: string, signal: AbortSignal): Promise<Named>
}

/** Who asks for a session. */
export interface NamedOpener {
  principal: string
  /** What its worker gets of that; asked for only if one is started. */
  credentials?: ((signal: AbortSignal) => Promise<ResolvedCredentials>) | undefined
  again?: Again | undefined
  parent?: string | undefined
  allowance?: Allowance | undefined
}

export interface Named {
  session: OwnSession
  /** Just opened, for the caller to bring to life; else it is live. */
  isNew: boolean
}

export interface NamingOptions {
  clock: Clock
  store: SessionStore
  sessions: ReadonlyMap<string, OwnSession>
  opening: Opening
  adopting: Adopting
  /** `Watch.ask` */
  ask<T>(look: () => Promise<T | undefined>): Promise<T | undefined>
}

/** Between two looks at a session that somebody else is opening. */
const shortestPauseMs = 10
const longestPauseMs = 250

export function createNaming(options: NamingOptions): Naming {
  const { clock, store, sessions, opening, adopting } = options
  /** What was found once, so that nothing has to be hashed, or searched, for the usual request. */
  const known = new Map<string, OwnSession>()
  const wordOf = (...words: string[]): string => words.join('\n')

  function remember(word: string, session: OwnSession): void {
    if (known.get(word) === session) return
    known.set(word, session)
    session.onEnding(() => {
      if (known.get(word) === session) known.delete(word)
    })
  }

  /** By the key; the name may also be the id that a session of the same client was given. */
  function stored(
    name: string,
    server: string,
    principal: string,
  ): Promise<SessionRecord | undefined> {
    return options.ask(async () => {
      const record = await store.getByKey(keyOf(name, server, principal))
      if (record !== undefined && record.end === undefined) return record
      const byId = await store.get(name)
      const isTheirs = byId?.server === server && byId.principal === principal
      return isTheirs && byId.end === undefined ? byId : undefined
    })
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve))

  /**
   * Waits until somebody else has opened it.
   *
   * @returns false when that client has gone, so that it is for others to open
   * @throws ERR_SESSIONS_ENDED when it came to nothing: it would not go better a second time
   */
  async function becomesLive(id: string, signal: AbortSignal): Promise<boolean> {
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
      signal.throwIfAborted()
      const own = sessions.get(id)
      // One of this gateway is waited for without asking the store.
      const record = own?.record.end === undefined ? own?.record : undefined
      const { state, end } = record ?? (await store.get(id)) ?? {}
      if (state === 'live') return true
      if (state === undefined || end?.reason === 'abandoned') return false
      if (end !== undefined) throw endedError(end)
      await pause(pauseMs)
    }
  }

  const naming: Naming = {
    find(name, server, principal) {
      const session = known.get(wordOf(server, principal, name))
      return session?.record.state === 'live' && session.end === undefined ? session : undefined
    },

    async recordOf(name, server, principal) {
      const record = await stored(name, server, principal)
      // Its end may have begun here, and not be written yet.
      const isEnding = record !== undefined && sessions.get(record.id)?.end !== undefined
      return isEnding ? undefined : record
    },

    async lookup(name, server, principal) {
      const record = await stored(name, server, principal)
      if (record?.state !== 'live') return undefined
      const session = await adopting.adopt(record)
      if (session === undefined) return undefined
      remember(wordOf(server, principal, name), session)
      return naming.find(name, server, principal)
    },

    async open(server, opener, name, signal) {
      const { principal } = opener
      const word = wordOf(server.name, principal, name)
      for (;;) {
        signal.throwIfAborted()
        const record = await stored(name, server.name, principal)
        if (record === undefined) {
          const key = keyOf(name, server.name, principal)
          const credentials = await opener.credentials?.(signal)
          const { again, parent, allowance } = opener
          const who = { principal, credentials, again, parent, allowance }
          const session = await opening.openKeyed(key, server, who, signal)
          // Another one was quicker.
          if (session === undefined) continue
          remember(word, session)
          return { session, isNew: true }
        }
        if (!(await becomesLive(record.id, signal))) continue
        const current = sessions.get(record.id)?.record ?? (await store.get(record.id))
        const session = current === undefined ? undefined : await adopting.adopt(current)
        if (session?.record.state === 'live' && session.end === undefined) {
          remember(word, session)
          return { session, isNew: false }
        }
        // It has ended meanwhile, which the store will know in a moment.
        await pause(shortestPauseMs)
      }
    },
  }
  return naming
}
