import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { EndReason, Events } from '../events.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { SessionDirectories } from './directories.ts'
import { createEnding } from './ending.ts'
import { mayMove } from './lifetime.ts'
import { createOpening } from './opening.ts'
import type { SessionRecord } from './record.ts'
import { handleOf, toldOf } from './record.ts'
import type { Caps, Server } from './server.ts'
import type { OwnSession, Session } from './session.ts'
import type { RecordChanges, SessionStore, Touch } from './store.ts'

/** Opens, finds and ends sessions; the only one who moves a record from state to state. */
export interface Sessions {
  /**
   * Opens a session and starts its worker. When it resolves the worker can be reached, and
   * `initialize` has to be forwarded; then comes `bind` or `fail`.
   *
   * @param signal aborted with the reason when the client has gone
   * @throws ERR_SESSIONS_DRAINING, ERR_SESSIONS_FULL, ERR_SESSIONS_PRINCIPAL_FULL,
   *   ERR_SESSIONS_QUEUE_FULL, and what starting a worker throws
   */
  open(server: Server, principal: string, signal: AbortSignal): Promise<Session>
  /**
   * The worker has answered `initialize`: the session is live.
   *
   * @returns false when it has ended meanwhile
   */
  bind(session: Session, initialized: Initialized): Promise<boolean>
  /** What `open` resolved to came to nothing. */
  fail(session: Session, error: GatewayError): Promise<void>
  /** The live session of this id, if it is this server's and this principal's. */
  find(id: string, server: string, principal: string): Session | undefined
  /**
   * Why `find` found nothing, for the answer: all alike for a stranger; the owner alone is told
   * reason and time of the end.
   */
  explain(id: string, server: string, principal: string): Promise<GatewayError>
  /** Ends a session; the first reason wins. Settles when its worker is really gone. */
  close(session: Session, reason: EndReason, error?: GatewayError): Promise<void>
  /** Every session that has not ended. */
  list(): Session[]
  /** Records of all sessions, tombstones included. */
  records(): Promise<SessionRecord[]>
  /** Opens no more sessions, lets exchanges finish for `drainMs`, then ends all. */
  drain(drainMs: number): Promise<void>
}

export interface Initialized {
  workerSessionId: string | undefined
  protocolVersion: string | undefined
  client: string | undefined
}

export interface SessionsOptions {
  clock: Clock
  events: Events
  store: SessionStore
  supervisor: Supervisor
  directories: SessionDirectories
  caps: Caps
  host: string
  /** Name of this replica, for leases. */
  owner: string
  outputMaxBytes: number
  /** How the protocol takes its leave of a worker; bounded by the protocol. */
  goodbye(session: Session): Promise<void>
}

const dueEveryMs = 250

export function createSessions(options: SessionsOptions): Sessions {
  const { clock, events, store, host } = options
  const sessions = new Map<string, OwnSession>()
  let isDraining = false

  const move = async (session: OwnSession, changes: RecordChanges): Promise<boolean> => {
    for (;;) {
      const { state, version } = session.record
      if (changes.state !== undefined && !mayMove(state, changes.state)) return false
      const written = await store.update(session.id, version, changes)
      if (written !== undefined) {
        session.record = written
        return true
      }
      const stored = await store.get(session.id)
      if (stored === undefined) return false
      session.record = stored
    }
  }
  const ending = createEnding({ ...options, move, forget: (id) => sessions.delete(id) })
  const opening = createOpening({
    ...options,
    sessions,
    move,
    ending,
    isDraining: () => isDraining,
  })

  const own = (session: Session): OwnSession | undefined => sessions.get(session.id)
  const close = async (
    session: Session,
    reason: EndReason,
    error?: GatewayError,
  ): Promise<void> => {
    const found = own(session)
    if (found !== undefined) await ending.close(found, reason, error)
  }

  const watching = clock.every(dueEveryMs, () => void endWhatIsDue())
  let watchingNow = false
  async function endWhatIsDue(): Promise<void> {
    if (watchingNow) return
    watchingNow = true
    try {
      // All that happened since the last look, in one go, and before anything is judged by it.
      const touches: Touch[] = []
      for (const session of sessions.values()) {
        const touch = session.dueTouch()
        if (touch !== undefined) touches.push(touch)
      }
      if (touches.length > 0) await store.touch(touches)
      const due = await store.claimDue({ host, limit: 100, owner: options.owner, leaseMs: 15_000 })
      for (const record of due) {
        const session = sessions.get(record.id)
        if (session !== undefined) void ending.closeDue(session, record)
      }
    } finally {
      watchingNow = false
    }
  }

  return {
    open: opening.open,

    async bind(session, { workerSessionId, protocolVersion, client }) {
      const found = own(session)
      if (found === undefined) return false
      const nowMs = clock.now()
      const bound = await move(found, {
        state: 'live',
        liveAtMs: nowMs,
        idleAtMs: nowMs + found.record.idleMs,
        ...(workerSessionId === undefined ? {} : { workerSessionId }),
        ...(protocolVersion === undefined ? {} : { protocolVersion }),
        ...(client === undefined ? {} : { client }),
      })
      found.endTurn(true)
      if (!bound) return false
      found.touch()
      const startMs = nowMs - found.record.openedAtMs
      const { handle, server } = session
      events.emit('session.live', {
        session: handle,
        server: server.name,
        startMs,
        protocolVersion,
      })
      return true
    },

    async fail(session, error) {
      await close(session, ...ending.reasonOf(error))
    },

    find(id, server, principal) {
      const session = sessions.get(id)
      if (session === undefined || session.end !== undefined) return undefined
      if (session.server.name !== server || session.principal !== principal) return undefined
      return session.record.state === 'live' ? session : undefined
    },

    async explain(id, server, principal) {
      const record = await store.get(id)
      const mine = record?.server === server && record.principal === principal
      const end = mine ? record.end : undefined
      const reason = end?.reason ?? (record === undefined ? 'unknown' : 'foreign')
      events.emit('session.missed', { server, session: handleOf(id), reason })
      return new GatewayError('ERR_SESSIONS_NOT_FOUND', {
        ...(end === undefined
          ? {}
          : { data: { ...toldOf(end), endedAt: new Date(end.atMs).toISOString() } }),
      })
    },

    close,
    list: () => [...sessions.values()],

    async records() {
      const all: SessionRecord[] = []
      for await (const record of store.scan()) all.push(record)
      return all
    },

    async drain(drainMs) {
      isDraining = true
      const untilMs = Date.now() + drainMs
      const isBusy = ({ record, carried }: OwnSession): boolean =>
        carried > 0 || record.state === 'queued' || record.state === 'starting'
      while ([...sessions.values()].some(isBusy) && Date.now() < untilMs) {
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      await Promise.all([...sessions.values()].map((session) => close(session, 'drained')))
      watching.cancel()
    },
  }
}
