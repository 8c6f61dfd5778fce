import type { Clock } from '../clock.ts'
import type { EndReason, TrafficCounts } from '../events.ts'
import type { Endpoint, Worker } from '../workers/driver.ts'
import type { SessionEnd, SessionRecord } from './record.ts'
import { handleOf } from './record.ts'
import type { Server } from './server.ts'
import type { Touch } from './store.ts'

/** A session that this replica serves: the record, its worker, and what goes on in it. */
export interface Session {
  readonly id: string
  /** Short name for logs and people. */
  readonly handle: string
  readonly server: Server
  readonly principal: string
  /** As last written; replaced, never changed. */
  readonly record: SessionRecord
  /** @throws when it is read before the worker was started */
  readonly endpoint: Endpoint
  readonly worker: Worker | undefined
  /** When its turn to start came; its start allowance runs from then. */
  readonly startingAtMs: number
  readonly counts: TrafficCounts
  /** Set as soon as the end has begun. */
  readonly end: SessionEnd | undefined
  /** Settles when it is closed; undefined until its end was asked for. */
  readonly closed: Promise<void> | undefined
  /** How many exchanges are carried by a client connection now. */
  readonly carried: number
  /**
   * An exchange is carried by a client connection: until the returned function is called the
   * session is not idle. Idleness is measured from the last such call.
   */
  carry(): () => void
  /** Any other sign of life: restarts the idle clock. */
  touch(): void
  /** Calls back once, when the end begins: at once if it has. */
  onEnding(listener: (end: SessionEnd) => void): void
}

/** The manager's side of a session. */
export interface OwnSession extends Session {
  record: SessionRecord
  worker: Worker | undefined
  startingAtMs: number
  /** Settles when the worker runs, or when nothing is left of it. */
  starting: Promise<Worker> | undefined
  closed: Promise<void> | undefined
  lastActiveAtMs: number
  /** Gives its turn to start to the next one. Idempotent. */
  endTurn: (served: boolean) => void
  begin(end: SessionEnd): void
  /** What the store has not been told yet of its activity; once told, not given again. */
  dueTouch(): Touch | undefined
}

export function createSession(options: {
  record: SessionRecord
  server: Server
  clock: Clock
}): OwnSession {
  const { server, clock } = options
  const { id } = options.record
  const listeners: ((end: SessionEnd) => void)[] = []
  let carried = 0
  let touchedAtMs = 0
  let end: SessionEnd | undefined

  const session: OwnSession = {
    id,
    handle: handleOf(id),
    server,
    principal: options.record.principal,
    record: options.record,
    worker: undefined,
    startingAtMs: options.record.openedAtMs,
    starting: undefined,
    closed: undefined,
    endTurn: () => undefined,
    lastActiveAtMs: clock.now(),
    counts: { calls: 0, elicitations: 0, samplings: 0, progress: 0 },
    get endpoint() {
      if (session.worker === undefined) throw new Error(`session ${session.handle} has no worker`)
      return session.worker.endpoint
    },
    get end() {
      return end
    },
    get carried() {
      return carried
    },
    carry() {
      let over = false
      carried += 1
      return () => {
        if (over) return
        over = true
        carried -= 1
        session.touch()
      }
    },
    touch() {
      session.lastActiveAtMs = clock.now()
    },
    dueTouch() {
      const activeAtMs = carried > 0 ? clock.now() : session.lastActiveAtMs
      if (activeAtMs === touchedAtMs) return undefined
      touchedAtMs = activeAtMs
      return { id, idleAtMs: activeAtMs + session.record.idleMs }
    },
    onEnding(listener) {
      if (end === undefined) listeners.push(listener)
      else listener(end)
    },
    begin(beginning) {
      if (end !== undefined) return
      end = beginning
      for (const listener of listeners.splice(0)) listener(beginning)
    },
  }
  return session
}

/** Reasons for which nobody is there any more to say goodbye to. */
export function workerIsGone(reason: EndReason): boolean {
  return reason === 'worker-exited' || reason === 'upstream-lost' || reason === 'host-lost'
}
