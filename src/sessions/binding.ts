import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import type { Move } from './moving.ts'
import type { OwnSession, Session } from './session.ts'
import type { SessionStore } from './store.ts'
import type { WriteBack } from './write-back.ts'

/** What its first answer said; nothing where it speaks no MCP. */
export interface Initialized {
  workerSessionId?: string | undefined
  protocolVersion?: string | undefined
  client?: string | undefined
  /** What the client said, where it may have to be said again. */
  initialize?: string | undefined
}

export interface BindingOptions {
  clock: Clock
  events: Events
  store: SessionStore
  sessions: ReadonlyMap<string, OwnSession>
  move: Move
  writeBack: Pick<WriteBack, 'leaveCopy'>
}

/** `Sessions.bind` */
export function createBinding({ clock, events, store, sessions, move, writeBack }: BindingOptions) {
  return async (session: Session, initialized: Initialized): Promise<boolean> => {
    const { workerSessionId, protocolVersion, client, initialize } = initialized
    const found = sessions.get(session.id)
    if (found === undefined) return false
    const nowMs = clock.now()
    const bound = await move(found, {
      state: 'live',
      liveAtMs: nowMs,
      idleAtMs: nowMs + found.record.idleMs + store.touchEveryMs,
      ...(workerSessionId === undefined ? {} : { workerSessionId }),
      ...(protocolVersion === undefined ? {} : { protocolVersion }),
      ...(client === undefined ? {} : { client }),
      ...(initialize === undefined ? {} : { initialize }),
    })
    found.endTurn(true)
    if (!bound) return false
    found.touch()
    // A copy that is missing is missed only if the store loses the record as well.
    if (store.isShared) void writeBack.leaveCopy(found).catch(() => undefined)
    const { handle } = session
    const server = session.server.name
    const startMs = nowMs - found.record.openedAtMs
    events.emit('session.live', { session: handle, server, startMs, protocolVersion })
    const { reopened } = found.record
    if (reopened !== undefined) {
      const { was, reason, times } = reopened
      events.emit('session.reopened', { session: handle, server, was, reason, times })
    }
    return true
  }
}
