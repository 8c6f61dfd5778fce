import type { Clock } from '../ground/clock.ts'
import type { EndReason, TrafficCounts } from '../ground/events.ts'
import type { FaultOwner } from '../ground/guarded.ts'
import { guarded, tellFault } from '../ground/guarded.ts'
import { handleOf } from '../ground/handle.ts'
import type { Endpoint, Worker } from '../workers/driver.ts'
import type { SessionEnd, SessionRecord } from './record.ts'
import type { Server } from './server.ts'
import type { Touch, Touched } from './store.ts'

/** A session that this replica serves: the record, its worker, and what goes on in it. */
export interface Session {
  readonly id: string
  /** Short name for logs and people. */
  readonly handle: string
  readonly server: Server
  readonly principal: string
  /** Whether other gateways may serve it, too. */
  readonly isShared: boolean
  /** As last written or heard of; replaced, never changed. */
  readonly record: SessionRecord
  /** @throws when it is read before the worker was started */
  readonly endpoint: Endpoint
  readonly worker: Worker | undefined
  /**
   * Whether it has the headers that only its caller can give it. One of a `url` server that was
   * taken over from another gateway lacks them: they are in no record.
   */
  readonly isEquipped: boolean
  /** Gives it those headers. They stay in memory. */
  equip(headers: Readonly<Record<string, string>>): void
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
  /**
   * Calls back once, when the end begins: at once if it has.
   *
   * @returns forgets the listener, and lets go of what that holds: a session may last for hours
   */
  onEnding(listener: (end: SessionEnd) => void): () => void
}

/** The manager's side of a session. */
export interface OwnSession extends Session {
  record: SessionRecord
  worker: Worker | undefined
  isEquipped: boolean
  startingAtMs: number
  /** Settles when the worker runs, or when nothing is left of it. */
  starting: Promise<Worker | undefined> | undefined
  closed: Promise<void> | undefined
  lastActiveAtMs: number
  /** Gives its turn to start to the next one. Idempotent. */
  endTurn: (served: boolean) => void
  begin(end: SessionEnd): void
  /** What the store is to be told of it now, or asked: what it was told is told once. */
  dueTouch(): Touch | undefined
  /** The store's answer to `dueTouch`. */
  touched(answer: Touched): void
  /** What is known of its record may have changed unheard: the next `dueTouch` asks. */
  doubt(): void
}

export interface SessionOptions {
  record: SessionRecord
  server: Server
  /** The clock of the store. */
  clock: Clock
  /** `SessionStore.touchEveryMs`. */
  touchEveryMs: number
  /** How long a session that starts is left alone after its gateway's last sign of life. */
  lostAfterMs: number
}

/** What is known of a record may be so old; an end that nobody told of is found out then. */
export const cacheAgeMs = 5_000

export function createSession(options: SessionOptions): OwnSession {
  const { server, clock, touchEveryMs, lostAfterMs } = options
  const { id, idleMs, idleAtMs, state } = options.record
  const isShared = touchEveryMs > 0
  // That it was taken over from another gateway is no activity.
  const activeAtMs = state === 'live' ? idleAtMs - idleMs - touchEveryMs : clock.now()
  const listeners = new Set<(end: SessionEnd) => void>()
  let carried = 0
  let toldAtMs = state === 'live' ? activeAtMs : 0
  let tellingAtMs = toldAtMs
  let confirmedAtMs = clock.now()
  let end: SessionEnd | undefined

  const session: OwnSession = {
    id,
    handle: handleOf(id),
    server,
    principal: options.record.principal,
    isShared,
    record: options.record,
    worker: undefined,
    isEquipped: state !== 'live' || Object.keys(server.credentials?.headers ?? {}).length === 0,
    equip(headers) {
      const { worker } = session
      if (worker === undefined) return
      const { endpoint } = worker
      const all = { ...endpoint.headers, ...headers }
      session.worker = { ...worker, endpoint: { ...endpoint, headers: all } }
      session.isEquipped = true
    },
    startingAtMs: options.record.openedAtMs,
    starting: undefined,
    closed: undefined,
    endTurn: () => undefined,
    lastActiveAtMs: activeAtMs,
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
      const nowMs = clock.now()
      if (isShared && session.record.state !== 'live') return { id, idleAtMs: nowMs + lostAfterMs }
      tellingAtMs = carried > 0 ? nowMs : session.lastActiveAtMs
      if (tellingAtMs > toldAtMs) return { id, idleAtMs: tellingAtMs + idleMs + touchEveryMs }
      const isOld = isShared && nowMs - confirmedAtMs >= cacheAgeMs
      return isOld ? { id, idleAtMs: session.record.idleAtMs } : undefined
    },
    touched({ idleAtMs }) {
      toldAtMs = tellingAtMs
      confirmedAtMs = clock.now()
      if (idleAtMs !== session.record.idleAtMs) session.record = { ...session.record, idleAtMs }
    },
    doubt() {
      confirmedAtMs = -Infinity
    },
    onEnding(listener) {
      // One that fails keeps neither the others from hearing of the end nor the end from happening.
      const careful = guarded(listener, tellFault('the end of a session', ownerOf(session)))
      if (end === undefined) listeners.add(careful)
      else careful(end)
      return () => void listeners.delete(careful)
    },
    begin(beginning) {
      if (end !== undefined) return
      end = beginning
      const all = [...listeners]
      listeners.clear()
      for (const listener of all) listener(beginning)
    },
  }
  return session
}

/** Whose a fault is that comes of this session. */
export function ownerOf({ handle, server }: Pick<Session, 'handle' | 'server'>): FaultOwner {
  return { session: handle, server: server.name }
}

/**
 * Waits for the end of a session to begin: it is known a moment after a connection to its worker broke.
 *
 * @param ms for so long at most
 * @returns whether it has begun
 */
export function untilEnding(session: Session, clock: Clock, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const limit = clock.after(ms, () => {
      forget()
      resolve(session.end !== undefined)
    })
    const forget = session.onEnding(() => {
      limit.cancel()
      resolve(true)
    })
  })
}

/** Reasons for which nobody is there any more to say goodbye to. */
export function workerIsGone(reason: EndReason): boolean {
  return reason === 'worker-exited' || reason === 'upstream-lost' || reason === 'host-lost'
}
