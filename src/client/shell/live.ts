import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js'

import { handleOf } from '../../ground/handle.ts'
import type { Connection, Handlers } from '../connect.ts'
import { endingOf } from '../endings.ts'
import type { Ending } from '../endings.ts'
import { Failure } from '../failures.ts'
import { createRemembered } from '../remembered.ts'
import { connectTo, keepInMind } from '../session.ts'
import type { Target } from '../session.ts'
import { createCatalogue } from './catalogue.ts'
import type { Catalogue } from './catalogue.ts'

/** A session that is open, and what is known of it. */
export interface OpenSession {
  connection: Connection
  catalogue: Catalogue
  /** Short, as a gateway's list of sessions has it; undefined if the server gave no id. */
  handle: string | undefined
  openedAtMs: number
  /** Whether it was opened elsewhere, so that it was open for longer. */
  isOlder: boolean
  /** When something was last asked of it. */
  lastAtMs: number
  calls: number
  failedCalls: number
}

/** The one session that a shell is in, and another one after it. */
export interface Live {
  /** @throws Failure if there is none. */
  session(): OpenSession
  current(): OpenSession | undefined
  /** How it ended, if it has. */
  ending(): Ending | undefined
  /** To be told what went wrong in it: that may have been its end. */
  noticed(error: unknown): void
  /** Opens one; that before is ended, if it is ours. */
  open(signal: AbortSignal): Promise<OpenSession>
  /** Ends it now, whoever opened it. */
  end(): Promise<void>
  /** It stays open when it is left. @returns its id, if it has one. */
  keep(): string | undefined
  staysOpen(): boolean
  /** @returns whether it was ended; else it stays open. */
  leave(): Promise<boolean>
  /** Of the server's messages, wanted in every session. */
  level: LoggingLevel | undefined
}

export interface LiveOptions {
  target: Target
  handlers: Handlers
  isKept: boolean
  /** The server says, while nothing was asked of it, that there is no such session any more. */
  onEnded(ending: Ending): void
}

export function createLive({ target, handlers, isKept, onEnded }: LiveOptions): Live {
  let open: OpenSession | undefined
  let ending: Ending | undefined
  let isLeft = isKept || target.session !== undefined
  let joins = target.session

  function notice(error: unknown, session: OpenSession | undefined): void {
    if (session === undefined || session !== open || ending !== undefined) return
    const found = endingOf(error)
    if (found === undefined) return
    ending = found
    onEnded(found)
  }

  async function leave(): Promise<boolean> {
    const left = open
    open = undefined
    if (left === undefined) return false
    if (isLeft || ending !== undefined) {
      await left.connection.leave()
      return false
    }
    await left.connection.end()
    return true
  }

  return {
    level: undefined,
    current: () => (ending === undefined ? open : undefined),
    ending: () => ending,
    session() {
      if (open !== undefined && ending === undefined) return open
      throw new Failure('No session is open. new opens one.')
    },
    noticed: (error) => notice(error, open),
    async open(signal) {
      await leave()
      ending = undefined
      const own: { session?: OpenSession } = {}
      const connection = await connectTo({ ...target, session: joins }, handlers, {
        signal,
        isPatient: true,
        onGone: (failure) => notice(failure, own.session),
      })
      const { sessionId } = connection
      const nowMs = Date.now()
      open = own.session = {
        connection,
        catalogue: createCatalogue(connection),
        handle: sessionId === undefined ? undefined : handleOf(sessionId),
        openedAtMs: nowMs,
        isOlder: joins !== undefined,
        lastAtMs: nowMs,
        calls: 0,
        failedCalls: 0,
      }
      // The next one will be of our own.
      if (joins === undefined) isLeft = isKept
      joins = undefined
      if (isLeft && !open.isOlder) keepInMind(target, connection)
      return open
    },
    async end() {
      const ended = open
      open = undefined
      const id = ended?.connection.sessionId
      await ended?.connection.end()
      if (id !== undefined) createRemembered(target.keptIn).forget(target.url, id)
    },
    keep() {
      isLeft = true
      return open && keepInMind(target, open.connection)
    },
    staysOpen: () => isLeft,
    leave,
  }
}
