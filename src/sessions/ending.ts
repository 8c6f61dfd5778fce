import type { Clock } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { EndReason, Events } from '../events.ts'
import type { Usage, WorkerExit } from '../workers/driver.ts'
import type { SessionDirectories } from './directories.ts'
import { judge } from './lifetime.ts'
import type { SessionEnd, SessionRecord } from './record.ts'
import { toldOf } from './record.ts'
import type { OwnSession, Session } from './session.ts'
import { workerIsGone } from './session.ts'
import type { RecordChanges, SessionStore } from './store.ts'

/** How a session ends: for exactly one reason, and only when its worker is really gone. */
export interface Ending {
  close(session: OwnSession, reason: EndReason, error?: GatewayError): Promise<void>
  /** For a session that the store says is due; it may have come to life since. */
  closeDue(session: OwnSession, record: SessionRecord): Promise<void>
  workerExited(session: OwnSession, exit: WorkerExit): Promise<void>
  /** What a failed start means for the session. */
  reasonOf(thrown: unknown): [EndReason, GatewayError]
}

export interface EndingOptions {
  clock: Clock
  events: Events
  store: SessionStore
  directories: SessionDirectories
  goodbye(session: Session): Promise<void>
  /** Compare-and-set of the record; false when the state does not allow it any more. */
  move(session: OwnSession, changes: RecordChanges): Promise<boolean>
  forget(id: string): void
}

export function createEnding(options: EndingOptions): Ending {
  const { clock, events, directories, goodbye, move, forget } = options

  const close = (session: OwnSession, reason: EndReason, error?: GatewayError): Promise<void> => {
    // Not at once: who is told that the end begins may ask for it as well, and has to find it.
    session.closed ??= Promise.resolve().then(() => end(session, reason, error))
    return session.closed
  }

  async function end(session: OwnSession, reason: EndReason, error?: GatewayError): Promise<void> {
    const wasLive = session.record.state === 'live'
    const ending: SessionEnd = { reason, atMs: clock.now(), ...describe(error) }
    // Before the first await: from here on nobody finds it, and its open streams are told.
    session.begin(ending)
    await move(session, { state: 'closing', end: ending })
    // A start that is called off may take a while to be undone.
    const worker = session.worker ?? (await session.starting?.catch(() => undefined))
    let usage: Usage = {}
    if (worker !== undefined) {
      if (wasLive && !workerIsGone(reason)) await goodbye(session)
      await worker.stop({ graceMs: session.server.graceMs })
      await worker.exited
      usage = await worker.usage()
    }
    await addOutput(session, ending)
    const used = Object.keys(usage).length === 0 ? {} : { usage }
    await move(session, { state: 'closed', end: ending, ...used })
    session.endTurn(false)
    forget(session.id)
    await directories.finish(session.handle)
    events.emit('session.closed', {
      session: session.handle,
      server: session.server.name,
      reason,
      durationMs: clock.now() - session.record.openedAtMs,
      counts: session.counts,
      ...(error === undefined ? {} : { code: error.code }),
      ...(ending.details === undefined ? {} : { details: ending.details }),
      ...used,
    })
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

    async workerExited(session, exit) {
      if (session.end !== undefined) return
      const failedStart = session.record.state !== 'live'
      const code = failedStart ? 'ERR_WORKERS_EXITED_EARLY' : 'ERR_SESSIONS_ENDED'
      const { launch } = session.server
      const command = launch.shown
      await close(
        session,
        failedStart ? 'start-failed' : 'worker-exited',
        new GatewayError(code, {
          params: { command, how: exit.how, reason: 'worker-exited' },
          details: {
            exitCode: exit.code,
            signal: exit.signal,
            how: exit.how,
            ...(exit.oom === undefined ? {} : { oom: exit.oom }),
          },
        }),
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
