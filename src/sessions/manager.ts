import type { Clock } from '../ground/clock.ts'
import type { GatewayError } from '../ground/errors.ts'
import type { EndReason, Events } from '../ground/events.ts'
import type { ReadFreeMemory } from '../workers/limits/free-memory.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { WarmPool } from '../workers/warm/pool.ts'
import { createAdopting } from './adopting.ts'
import type { Initialized } from './binding.ts'
import { createBinding } from './binding.ts'
import type { SessionDirectories } from './directories.ts'
import type { Presence } from './draining.ts'
import { createDrain } from './draining.ts'
import { createEnding } from './ending.ts'
import { createFinding } from './finding.ts'
import { createMove, isStoreAway } from './moving.ts'
import type { NamedOpener } from './naming.ts'
import { createNaming } from './naming.ts'
import type { Opener } from './opening.ts'
import { createOpening } from './opening.ts'
import type { SessionRecord } from './record.ts'
import type { Members } from './members.ts'
import { createMembers } from './members.ts'
import type { Reopening } from './reopening.ts'
import { createReopening } from './reopening.ts'
import type { Caps, Server } from './server.ts'
import type { OwnSession, Session } from './session.ts'
import { createSharing } from './sharing.ts'
import { createSpecs } from './specs.ts'
import { createStarts } from './starts.ts'
import type { SessionStore } from './store.ts'
import { hostLostAfterMs } from './store.ts'
import { createSweep } from './sweep.ts'
import { createWarming } from './warming.ts'
import { createWatch } from './watch.ts'
import { createWriteBack } from './write-back.ts'

/** Opens, finds and ends sessions; the only one who moves a record from state to state. */
export interface Sessions {
  /**
   * Opens a session and starts its worker. When it resolves the worker can be reached, and
   * `initialize` has to be forwarded; then comes `bind` or `fail`.
   *
   * @param signal aborted with the reason when the client has gone
   * @throws ERR_SESSIONS_DRAINING, ERR_SESSIONS_FULL, ERR_SESSIONS_PRINCIPAL_FULL,
   *   ERR_SESSIONS_QUEUE_FULL, ERR_SESSIONS_STORE, and what starting a worker throws
   */
  open(server: Server, opener: Opener, signal: AbortSignal): Promise<Session>
  /**
   * The session that its client calls by a name of its own: the one that goes on, here or at another
   * gateway, else a new one. Of several who ask at once, one opens it, as with `open`, and the
   * others wait until it is live.
   *
   * @returns `isNew`: it is the caller's to `bind` or to `fail`
   * @throws what `open` and `lookup` throw, ERR_SESSIONS_ENDED when what was waited for failed
   */
  openNamed(server: Server, opener: NamedOpener, name: string, signal: AbortSignal): Promise<Named>
  /** The live session of this name, if it is known here. */
  findNamed(name: string, server: string, principal: string): Session | undefined
  /** The record of the session of this name, if there is one that has not ended. */
  recordOfName(name: string, server: string, principal: string): Promise<SessionRecord | undefined>
  /** How a session goes on under the public id of one that has ended, where that is configured. */
  readonly reopening: Reopening
  /** The sessions that a bundle's session has at its servers. */
  readonly members: Members
  /**
   * The worker has answered for the first time: the session is live.
   *
   * @returns false when it has ended meanwhile
   * @throws ERR_SESSIONS_STORE
   */
  bind(session: Session, initialized: Initialized): Promise<boolean>
  /** What `open` resolved to came to nothing. */
  fail(session: Session, error: GatewayError): Promise<void>
  /** The live session of this id, if it is known here, this server's and this principal's. */
  find(id: string, server: string, principal: string): Session | undefined
  /**
   * The same for one that `find` does not know: another gateway of this host may have opened it.
   * Several that ask for one session go on in the order in which they asked.
   *
   * @throws what `explain` says when there is none, ERR_SESSIONS_ELSEWHERE, ERR_SESSIONS_STORE
   */
  lookup(id: string, server: string, principal: string): Promise<Session>
  /**
   * To be waited for before an exchange is forwarded: near its idle deadline, another gateway may be
   * about to end the session.
   *
   * @returns undefined when there is nothing to wait for
   */
  confirm(session: Session): Promise<void> | undefined
  /** Its worker does not answer as it should: looks whether it has ended elsewhere. */
  doubt(session: Session): Promise<void>
  /**
   * Why `find` found nothing, for the answer: all alike for a stranger; the owner alone is told
   * reason and time of the end.
   *
   * @throws ERR_SESSIONS_STORE
   */
  explain(id: string, server: string, principal: string): Promise<GatewayError>
  /** Ends a session; the first reason wins. Settles when its worker is really gone. */
  close(session: Session, reason: EndReason, error?: GatewayError): Promise<void>
  /** Ends the session of a record, whoever serves it; one of another host is ended there, soon. */
  stop(record: SessionRecord): Promise<void>
  /** Every session that has not ended and that this gateway serves. */
  list(): Session[]
  /** Records of all sessions, tombstones included. */
  records(): Promise<SessionRecord[]>
  /** Says to the store that this gateway lives, before it opens a session. @throws ERR_SESSIONS_STORE */
  enter(): Promise<void>
  /**
   * Takes its place among the gateways of the store: says that it lives, and takes over the sessions
   * of this host that are known to nobody yet.
   */
  join(): Promise<void>
  /** The workers that wait for sessions, where that is configured. */
  readonly warm: Pick<WarmPool, 'begin' | 'list' | 'retire'>
  /**
   * Opens no more sessions and lets exchanges finish for `drainMs`. Then it ends all sessions, or,
   * where the store is shared, leaves them to the next gateway.
   */
  drain(drainMs: number): Promise<void>
}

export interface Named {
  session: Session
  isNew: boolean
}

export interface SessionsOptions {
  clock: Clock
  events: Events
  store: SessionStore
  supervisor: Supervisor
  directories: SessionDirectories
  caps: Caps
  freeMemory: ReadFreeMemory
  host: string
  /** Name of this replica, for leases. */
  owner: string
  /** Random id of the state directory. */
  installation: string
  servers: readonly Server[]
  outputMaxBytes: number
  /** Without news for so long a host, or a replica, is lost. Default 15 000. */
  lostAfterMs?: number
  /** How the protocol takes its leave of a worker; bounded by the protocol. */
  goodbye(session: Session): Promise<void>
}

const sweepAtMostEveryMs = 30_000

export function createSessions(options: SessionsOptions): Sessions {
  const { store, host, owner, installation, servers } = options
  const lostAfterMs = options.lostAfterMs ?? hostLostAfterMs
  // Times in records are the store's.
  const clock: Clock = { ...options.clock, now: () => store.now() }
  const sessions = new Map<string, OwnSession>()
  const presence: Presence = { stage: 'serving' }

  const move = createMove(store)
  const ending = createEnding({
    ...options,
    clock,
    move,
    lease: { owner, leaseMs: lostAfterMs },
    forget: (id) => sessions.delete(id),
    hasLeft: () => presence.stage === 'left',
    endMembers: (session) => members.end(session),
  })
  const starts = createStarts({ ...options.caps, clock })
  const specs = createSpecs({ ...options, isShared: store.isShared })
  const warm = createWarming({ ...options, clock, sessions, specs, starts })
  const opening = createOpening({
    ...options,
    clock,
    starts,
    specs,
    warm,
    lostAfterMs,
    sessions,
    move,
    ending,
    isDraining: () => presence.stage !== 'serving',
  })
  const shared = { ...options, clock, lostAfterMs, sessions, ending }
  const adopting = createAdopting(shared)
  const writeBack = createWriteBack(shared)
  const startAllowanceMs = Math.max(...servers.map(({ startTimeoutMs }) => startTimeoutMs))
  // How long ago something was done here is measured here: the store's time is found out anew with each
  // answer, and may go back.
  const now = (): number => options.clock.now()
  const sweep = createSweep({ ...shared, writeBack, allowanceMs: startAllowanceMs, now })
  const sweepEveryMs = Math.min(startAllowanceMs, sweepAtMostEveryMs)
  const sharing = createSharing({ ...shared, adopting, writeBack, sweep, sweepEveryMs, now })
  const watch = createWatch({
    ...shared,
    adopting,
    writeBack,
    life: { host, owner, installation },
    now,
    onHeartbeat: sharing.look,
  })

  const naming = createNaming({
    clock,
    store,
    sessions,
    opening,
    adopting,
    ask: watch.ask,
  })

  const reopening = createReopening({ store, sessions, naming })

  const members = createMembers({
    store,
    naming,
    adopting,
    close: (session, { reason }) => ending.close(session, reason),
  })

  const finding = createFinding({ ...shared, adopting, recordOf: sharing.recordOf, ask: watch.ask })

  const own = (session: Session): OwnSession | undefined => sessions.get(session.id)
  const close = async (
    session: Session,
    reason: EndReason,
    error?: GatewayError,
  ): Promise<void> => {
    const found = own(session)
    if (found !== undefined) await ending.close(found, reason, error)
  }

  return {
    open: opening.open,
    openNamed: naming.open,
    findNamed: naming.find,
    recordOfName: naming.recordOf,
    reopening,
    members,

    bind: createBinding({ ...options, clock, sessions, move, writeBack }),

    async fail(session, error) {
      await close(session, ...ending.reasonOf(error))
    },

    find: finding.find,
    lookup: finding.lookup,
    explain: finding.explain,

    confirm(session) {
      const leftMs = session.record.idleAtMs - clock.now()
      if (store.touchEveryMs === 0 || leftMs > 2 * store.touchEveryMs) return undefined
      const found = own(session)
      return found === undefined ? undefined : sharing.confirm(found)
    },

    async doubt(session) {
      const found = own(session)
      if (!store.isShared || found === undefined) return
      try {
        await writeBack.reconcile(found)
      } catch (thrown) {
        if (!isStoreAway(thrown)) throw thrown
      }
    },

    close,

    async stop(record) {
      if (record.host === host || sessions.has(record.id)) await adopting.end(record, 'stopped')
      else {
        const end = { reason: 'stopped' as const, atMs: clock.now() }
        await store.update(record.id, record.version, { state: 'closing', end })
      }
    },

    list: () => [...sessions.values()],

    async records() {
      const all: SessionRecord[] = []
      for await (const record of store.scan()) all.push(record)
      return all
    },

    enter: watch.enter,

    join: watch.look,

    warm,

    drain: createDrain({ presence, store, sessions, ending, watch, warm }),
  }
}
