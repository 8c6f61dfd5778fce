import { randomBytes, randomUUID } from 'node:crypto'

import type { Clock } from '../ground/clock.ts'
import type { ResolvedCredentials } from '../ground/credentials.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Worker } from '../workers/driver.ts'
import { asNoRoom, checkRoomForWorker } from '../workers/no-room.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { WarmPool, WarmWorker } from '../workers/warm/pool.ts'
import type { ReadFreeMemory } from '../workers/limits/free-memory.ts'
import type { Ending } from './ending.ts'
import { createIdlest } from './idlest.ts'
import { createMemoryRoom } from './memory.ts'
import type { Allowance } from './allowance.ts'
import type { SessionRecord } from './record.ts'
import type { Caps, Server } from './server.ts'
import type { Move } from './moving.ts'
import type { OwnSession, Session } from './session.ts'
import { createSession, ownerOf } from './session.ts'
import type { Named, Specs } from './specs.ts'
import type { Starts } from './starts.ts'
import type { SessionStore } from './store.ts'

/** How a session begins: a place within the caps, a turn to start, a worker that can be reached. */
export interface Opening {
  open(server: Server, opener: Opener, signal: AbortSignal): Promise<Session>
  /** The same under a key. @returns undefined when there is a session of this key that goes on */
  openKeyed(
    key: string,
    server: Server,
    opener: Opener,
    signal: AbortSignal,
  ): Promise<OwnSession | undefined>
}

/** Who opens a session, and what its worker gets of that. */
export interface Opener {
  principal: string
  /** Secret; undefined for a server that takes none. */
  credentials?: ResolvedCredentials | undefined
  again?: Again | undefined
  /** Handle of the bundle's session that it is to belong to. */
  parent?: string | undefined
  /** Undefined where nothing limits who opens it. */
  allowance?: Allowance | undefined
}

/** Of a session that goes on under the public id of one that has ended. */
export type Again = Required<Pick<SessionRecord, 'initialize' | 'reopened'>>

export interface OpeningOptions {
  clock: Clock
  events: Events
  store: SessionStore
  supervisor: Supervisor
  starts: Starts
  specs: Specs
  warm: Pick<WarmPool, 'take'>
  caps: Caps
  freeMemory: ReadFreeMemory
  host: string
  /** Without news for so long a gateway that starts a session is lost. */
  lostAfterMs: number
  /** The sessions that have not ended, by id. */
  sessions: Map<string, OwnSession>
  ending: Ending
  isDraining(): boolean
  move: Move
}

export function createOpening(options: OpeningOptions): Opening {
  const { clock, events, store, supervisor, caps, host, sessions, ending } = options
  const { move, isDraining, lostAfterMs, starts, specs, warm } = options
  const idlest = createIdlest(options)
  const roomInMemory = createMemoryRoom({ ...options, idlest })

  async function begin(
    server: Server,
    opener: Opener,
    signal: AbortSignal,
    key?: string,
  ): Promise<OwnSession | undefined> {
    const { principal, parent } = opener
    const { touchEveryMs } = store
    // Its id is that of the worker that waits for it, if one does.
    const waiting = warm.take(server.name)
    const record = {
      ...newRecord(server, principal, waiting ?? newNames(), key),
      ...opener.again,
      ...(parent === undefined ? {} : { parent }),
    }
    const session = createSession({ record, server, clock, touchEveryMs, lostAfterMs })
    let isOpened = false
    try {
      isOpened = await makeRoom(session, opener)
    } finally {
      if (!isOpened) waiting?.giveBack()
    }
    if (!isOpened) return undefined
    // From here on the drain knows of it; until here it did not.
    sessions.set(session.id, session)
    if (isDraining()) {
      sessions.delete(session.id)
      waiting?.giveBack()
      await store.remove(session.id)
      throw new GatewayError('ERR_SESSIONS_DRAINING', { retryAfterSeconds: 5 })
    }
    const { id, handle } = session
    events.emit('session.opened', { session: handle, server: server.name, principal })
    const stopWaiting = new AbortController()
    const forget = session.onEnding(({ reason }) =>
      stopWaiting.abort(new GatewayError('ERR_SESSIONS_ENDED', { params: { reason } })),
    )
    try {
      const until = AbortSignal.any([signal, stopWaiting.signal])
      session.worker =
        (await claimed(session, waiting, until)) ?? (await started(session, opener, until))
      const exited = session.worker.exited.then((exit) => ending.workerExited(session, exit))
      inBackground(exited, tellFault('the end of a worker', ownerOf(session)))
      // What is awaited of it now is an answer, which may take long and is no work of ours.
      if (isUp(server)) session.endTurn(true)
      await move(session, { handle: session.worker.handle })
      until.throwIfAborted()
    } catch (failed) {
      const thrown = asNoRoom(failed)
      // Its end may have begun before it had its turn, and known of none to give back.
      session.endTurn(false)
      const closed = ending.close(session, ...ending.reasonOf(thrown))
      inBackground(closed, tellFault('ending a start', ownerOf(session)))
      throw thrown
    } finally {
      forget()
    }
    return sessions.get(id) ?? session
  }

  /** @returns undefined when none waited, or the one that did has ended */
  async function claimed(
    session: OwnSession,
    waiting: WarmWorker | undefined,
    until: AbortSignal,
  ): Promise<Worker | undefined> {
    if (waiting === undefined) return undefined
    const { server, record } = session
    session.endTurn = waiting.endTurn
    session.startingAtMs = clock.now()
    const outlives = specs.outlives(server, record.maxAtMs - clock.now())
    session.starting = waiting.claim(outlives, until)
    const worker = await session.starting
    if (worker !== undefined) await move(session, { state: 'starting' })
    return worker
  }

  async function started(
    session: OwnSession,
    { principal, credentials }: Opener,
    until: AbortSignal,
  ): Promise<Worker> {
    const { server, record } = session
    session.endTurn = await starts.turn({ principal, server: server.name }, until)
    checkRoomForWorker()
    if (server.launch.kind === 'local') await roomInMemory()
    await move(session, { state: 'starting' })
    session.startingAtMs = clock.now()
    const spec = specs.of(record, server, { credentials, maxMs: record.maxAtMs - clock.now() })
    const starting = supervisor.start(server.driver, spec, until)
    session.starting = starting
    return starting
  }

  return {
    async open(server, opener, signal) {
      const session = await begin(server, opener, signal)
      if (session === undefined) throw new Error('there is a session of this random id')
      return session
    },
    openKeyed: (key, server, opener, signal) => begin(server, opener, signal, key),
  }

  function newRecord(
    server: Server,
    principal: string,
    { id, workerId }: Named,
    key?: string,
  ): SessionRecord {
    const nowMs = clock.now()
    const { idleMs, maxMs } = server.lifecycle
    return {
      v: 1,
      id,
      ...(key === undefined ? {} : { key }),
      version: 1,
      state: 'queued',
      server: server.name,
      principal,
      workerId,
      host,
      openedAtMs: nowMs,
      idleMs,
      idleAtMs: nowMs + (store.isShared ? lostAfterMs : maxMs),
      maxAtMs: nowMs + maxMs,
    }
  }

  /**
   * Adds the record; over its own cap, a principal's longest-idle session makes room first.
   *
   * @returns false when there is one already
   */
  async function makeRoom(session: OwnSession, { allowance, parent }: Opener): Promise<boolean> {
    const isAnonymous = session.principal === 'anonymous'
    const storeCaps = {
      maxSessions: caps.maxSessions,
      maxSessionsPerPrincipal: isAnonymous ? caps.maxSessions : caps.maxSessionsPerPrincipal,
      // One of a bundle counts with its parent.
      ...(allowance === undefined || parent !== undefined ? {} : { quotas: allowance.sessions }),
    }
    for (;;) {
      // Looked at each time: to make room may take as long as a worker takes to stop.
      if (isDraining()) throw new GatewayError('ERR_SESSIONS_DRAINING', { retryAfterSeconds: 5 })
      const outcome = await store.create(session.record, storeCaps)
      if (outcome === 'exists') return false
      if (outcome === 'created') {
        // A bundle starts nothing itself.
        if (allowance !== undefined && session.server.launch.kind !== 'inside') {
          await countStart(session, allowance)
        }
        return true
      }
      if (outcome.startsWith('quota-full')) throw quotaFull(allowance, outcome)
      if (outcome === 'gateway-full') {
        throw new GatewayError('ERR_SESSIONS_FULL', { retryAfterSeconds: 30 })
      }
      const longest = await idlest(({ principal }) => principal === session.principal)
      if (longest === undefined) {
        throw new GatewayError('ERR_SESSIONS_PRINCIPAL_FULL', {
          params: { limit: storeCaps.maxSessionsPerPrincipal },
          retryAfterSeconds: 10,
        })
      }
      await ending.close(longest, 'evicted')
    }
  }

  async function countStart({ id }: OwnSession, allowance: Allowance): Promise<void> {
    try {
      await allowance.start()
    } catch (full) {
      await store.remove(id)
      throw full
    }
  }
}

function quotaFull(allowance: Allowance | undefined, outcome: string): Error {
  const quota = allowance?.sessions[Number(outcome.split(' ')[1])]
  return (
    quota?.full() ?? new Error(`the store knows of a quota that was not asked about: ${outcome}`)
  )
}

const newNames = (): Named => ({ id: randomUUID(), workerId: randomBytes(8).toString('hex') })

/** Whether a server that was started listens as well; of one with stdio only its answer shows that. */
function isUp({ launch }: Server): boolean {
  return launch.kind !== 'local' || launch.transport !== 'stdio'
}
