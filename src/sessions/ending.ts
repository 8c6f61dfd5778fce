import type { Clock } from '../ground/clock.ts'
import { GatewayError, messageOf } from '../ground/errors.ts'
import type { EndReason, Events } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Usage, Worker, WorkerExit } from '../workers/driver.ts'
import type { SessionDirectories } from './directories.ts'
import { judge } from './lifetime.ts'
import type { Move } from './moving.ts'
import { isStoreAway } from './moving.ts'
import type { SessionEnd, SessionRecord } from './record.ts'
import { toldOf } from './record.ts'
import type { OwnSession, Session } from './session.ts'
import { detailsOf, startDetails, startFailure } from './start-failure.ts'
import { ownerOf, workerIsGone } from './session.ts'
import type { Lease, RecordChanges } from './store.ts'

/** How a session ends: for exactly one reason, and only when its worker is really gone. */
export interface Ending {
  close(session: OwnSession, reason: EndReason, error?: GatewayError): Promise<void>
  /** For a session that the store says is due; it may have come to life since. */
  closeDue(session: OwnSession, record: SessionRecord): Promise<void>
  /** Finishes an end that another gateway had begun and will not finish. */
  takeOver(session: OwnSession, end: SessionEnd): Promise<void>
  /** Another gateway ends it: nothing is left to do but to tell those who are connected here. */
  release(session: OwnSession, end: SessionEnd): void
  workerExited(session: OwnSession, exit: WorkerExit): Promise<void>
  /** Every end that has begun here is finished, or left to others. */
  settled(): Promise<void>
  /** What a failed start means for the session. */
  reasonOf(thrown: unknown): [EndReason, GatewayError]
}

export interface EndingOptions {
  clock: Clock
  events: Events
  directories: SessionDirectories
  /** Who carries the end out, and for how long nobody else tries. */
  lease: Lease
  goodbye(session: Session): Promise<void>
  /** Ends the sessions that belong to it, where it has any. */
  endMembers(session: Session): Promise<void>
  move: Move
  forget(id: string): void
  /** Whether this gateway is about to go and waits for nothing any more. */
  hasLeft(): boolean
}

/** Between two tries to tell a store of an end that is away. */
const retryMs = 500

export function createEnding(options: EndingOptions): Ending {
  const { clock, events, directories, goodbye, move, forget, lease } = options
  const underway = new Set<Promise<void>>()
  const onFault = (session: OwnSession) => tellFault('ending a session', ownerOf(session))

  const close = (session: OwnSession, reason: EndReason, error?: GatewayError): Promise<void> => {
    // Not at once: who is told that the end begins may ask for it as well, and has to find it.
    session.closed ??= noted(Promise.resolve().then(() => end(session, reason, error)))
    return session.closed
  }

  function noted(work: Promise<void>): Promise<void> {
    underway.add(work)
    const forgetIt = (): boolean => underway.delete(work)
    inBackground(work.finally(forgetIt), () => undefined) // Whoever waits for it is told.
    return work
  }

  async function end(session: OwnSession, reason: EndReason, error?: GatewayError): Promise<void> {
    const wasLive = session.record.state === 'live'
    const by = lease.owner
    const ending: SessionEnd = { reason, atMs: clock.now(), by, ...describe(error) }
    // Before the first await: from here on nobody finds it, and its open streams are told.
    session.begin(ending)
    const isOurs = await begins(session, ending)
    if (isOurs) {
      await finish(session, ending, { isPolite: wasLive && !workerIsGone(reason), error })
      return
    }
    // The other gateway may not have found what we were about to start.
    const started = await session.starting?.catch(() => undefined)
    if (!wasLive) await started?.stop({ graceMs: session.server.graceMs })
    letGo(session)
  }

  /**
   * Whether the end is ours to carry out: the first reason wins. A store that is away is told
   * afterwards, because nothing that it could say would keep this worker alive.
   */
  async function begins(session: OwnSession, ending: SessionEnd): Promise<boolean> {
    try {
      return (
        (await move(session, { state: 'closing', end: ending }, lease)) ||
        session.record.end === undefined
      )
    } catch (thrown) {
      if (isStoreAway(thrown)) return true
      throw thrown
    }
  }

  async function finish(
    session: OwnSession,
    ending: SessionEnd,
    { isPolite, error }: { isPolite: boolean; error?: GatewayError | undefined },
  ): Promise<void> {
    // A start that is called off may take a while to be undone.
    const worker = session.worker ?? (await session.starting?.catch(() => undefined))
    let usage: Usage = {}
    await attempt(session, () => options.endMembers(session))
    if (worker !== undefined && ending.reason !== 'host-lost') {
      if (isPolite) await attempt(session, () => goodbye(session))
      if (await stopped(session, worker)) {
        usage = (await attempt(session, () => worker.usage())) ?? {}
      }
    }
    await attempt(session, () => addOutput(session, ending))
    const used = Object.keys(usage).length === 0 ? {} : { usage }
    // It has not begun in a store that was away, and somebody may have been first meanwhile.
    const isOurs =
      (await written(session, { state: 'closing', end: ending })) &&
      isSame(session.record.end, ending)
    // Before it is closed: whoever is killed in between leaves an end that another one finishes.
    if (isOurs) await attempt(session, () => directories.finish(session.handle))
    if (!isOurs || !(await written(session, { state: 'closed', end: ending, ...used }))) {
      // Others have ended it, or will find it not ended and end it.
      letGo(session)
      return
    }
    session.endTurn(false)
    forget(session.id)
    events.emit('session.closed', {
      session: session.handle,
      server: session.server.name,
      reason: ending.reason,
      durationMs: clock.now() - session.record.openedAtMs,
      counts: session.counts,
      ...(error === undefined ? {} : { code: error.code }),
      ...(ending.details === undefined ? {} : { details: ending.details }),
      ...used,
    })
  }

  /** A step that fails keeps no session from being closed: it would take its place for ever. */
  async function attempt<T>(session: OwnSession, step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step()
    } catch (thrown) {
      onFault(session)(thrown)
      return undefined
    }
  }

  /** @returns false for one that cannot be stopped: the next sweep ends workers of sessions that are over */
  async function stopped(session: OwnSession, worker: Worker): Promise<boolean> {
    for (const graceMs of [session.server.graceMs, 0]) {
      const isDone = await attempt(session, async () => {
        await worker.stop({ graceMs })
        await worker.exited
        return true
      })
      if (isDone === true) return true
    }
    return false
  }

  /**
   * A store that is away is waited for: an end that it never hears of would be begun again.
   *
   * @returns false when this gateway could not wait so long
   */
  async function written(session: OwnSession, changes: RecordChanges): Promise<boolean> {
    for (;;) {
      try {
        await move(session, changes, lease)
        return true
      } catch (thrown) {
        if (!isStoreAway(thrown)) throw thrown
        if (options.hasLeft()) return false
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }

  function letGo(session: OwnSession): void {
    const { handle, server } = session
    session.endTurn(false)
    forget(session.id)
    events.emit('session.released', { session: handle, server: server.name })
  }

  /** A worker that failed is explained by what it wrote last. */
  async function addOutput(session: OwnSession, ending: SessionEnd): Promise<void> {
    if (ending.reason !== 'start-failed' && ending.reason !== 'worker-exited') return
    const { launch } = session.server
    const lastLines = (await session.worker?.lastLines()) ?? []
    ending.details = {
      ...(launch.kind === 'local' ? { command: launch.shown } : {}),
      ...(lastLines.length > 0 ? { lastLines } : {}),
      ...ending.details,
    }
  }

  return {
    close,

    async closeDue(session, record) {
      const verdict = judge(record, clock.now())
      if (!verdict.due) return
      // The record may be older than what this replica knows of its own clients.
      if (verdict.reason === 'idle' && session.carried > 0) return
      await close(session, verdict.reason)
    },

    async takeOver(session, ending) {
      session.begin(ending)
      session.closed ??= noted(finish(session, { ...ending }, { isPolite: false }))
      await session.closed
    },

    release(session, ending) {
      // We may be the gateway that ends it.
      if (session.closed !== undefined) return
      session.begin(ending)
      if (session.starting === undefined || session.record.liveAtMs !== undefined) letGo(session)
      else inBackground(close(session, ending.reason), onFault(session))
    },

    async settled() {
      while (underway.size > 0) await Promise.allSettled(underway)
    },

    async workerExited(session, exit) {
      // Those who stay see it, too.
      if (session.end !== undefined || options.hasLeft()) return
      if (session.record.state !== 'live') {
        // They are at hand: its keeper has told them with its end.
        const lines = (await session.worker?.lastLines()) ?? []
        const { server } = session
        const error = startFailure(server, startDetails(exit, lines, server))
        await close(session, 'start-failed', error)
        return
      }
      const reason = 'worker-exited'
      const details = detailsOf(exit)
      await close(
        session,
        reason,
        new GatewayError('ERR_SESSIONS_ENDED', { params: { reason }, details }),
      )
    },

    reasonOf(thrown) {
      const error =
        thrown instanceof GatewayError
          ? thrown
          : new GatewayError('ERR_PROXY_INTERNAL', { cause: thrown })
      return [error.code === 'ERR_SESSIONS_ABANDONED' ? 'abandoned' : 'start-failed', error]
    },
  }
}

/** A record that is gone has no end that could be another. */
function isSame(stored: SessionEnd | undefined, { reason, atMs, by }: SessionEnd): boolean {
  return (
    stored === undefined || (stored.reason === reason && stored.atMs === atMs && stored.by === by)
  )
}

/** For what was not answered when the session ended. */
export function endedError(end: SessionEnd): GatewayError {
  const { reason } = end
  return new GatewayError('ERR_SESSIONS_ENDED', { params: { reason }, data: toldOf(end) })
}

function describe(error: GatewayError | undefined): Pick<SessionEnd, 'message' | 'details'> {
  if (error === undefined) return {}
  const cause = error.cause === undefined ? '' : ` (${messageOf(error.cause)})`
  return {
    message: `${error.message}${cause}`,
    ...(error.details === undefined ? {} : { details: { ...error.details } }),
  }
}
