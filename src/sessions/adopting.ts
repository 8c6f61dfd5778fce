import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { EndReason, Events } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { handleOf } from '../ground/handle.ts'
import type { Worker, WorkerExit, WorkerHandle } from '../workers/driver.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { Ending } from './ending.ts'
import { judge } from './lifetime.ts'
import type { SessionEnd, SessionRecord } from './record.ts'
import type { Server } from './server.ts'
import { unknownServer } from './server.ts'
import type { OwnSession } from './session.ts'
import { createSession, ownerOf } from './session.ts'
import type { SessionStore } from './store.ts'

/** How a gateway comes to serve, or to end, a session that another one has opened. */
export interface Adopting {
  /**
   * Serves the live session of this record from now on. Several at once for one session share the
   * work, and go on in the order in which they asked.
   *
   * @returns undefined when there is nothing left of it to serve; then its end has begun
   * @throws ERR_SESSIONS_ELSEWHERE when it runs on another host, and what the store throws
   */
  adopt(record: SessionRecord): Promise<OwnSession | undefined>
  /** Ends the session of this record, which this gateway need not know. */
  end(record: SessionRecord, reason: EndReason): Promise<void>
  /** Told of every end that begins: it may be of a session that is just being taken over. */
  onEnded(record: SessionRecord): void
}

export interface AdoptingOptions {
  clock: Clock
  events: Events
  store: SessionStore
  supervisor: Supervisor
  host: string
  installation: string
  servers: readonly Server[]
  sessions: Map<string, OwnSession>
  ending: Ending
  lostAfterMs: number
}

/** Drivers whose workers are on no host. */
const nowhere: ReadonlySet<unknown> = new Set(['remote', 'inside'])

export function createAdopting(options: AdoptingOptions): Adopting {
  const { clock, events, store, supervisor, host, sessions, ending, lostAfterMs } = options
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const underway = new Map<string, { ended?: SessionEnd; done: Promise<OwnSession | undefined> }>()

  const adopt = (record: SessionRecord): Promise<OwnSession | undefined> => {
    const known = sessions.get(record.id)
    if (known !== undefined) return Promise.resolve(known.end === undefined ? known : undefined)
    const found = underway.get(record.id)
    if (found !== undefined) return found.done
    const entry: { ended?: SessionEnd; done: Promise<OwnSession | undefined> } = {
      done: takeOver(record, () => entry.ended).finally(() => underway.delete(record.id)),
    }
    underway.set(record.id, entry)
    return entry.done
  }

  async function takeOver(
    record: SessionRecord,
    ended: () => SessionEnd | undefined,
  ): Promise<OwnSession | undefined> {
    const server = byName.get(record.server)
    const { handle } = record
    // A `url` server is reached from everywhere, and a bundle is in every gateway.
    const isHere = record.host === host || nowhere.has(handle?.driver)
    if (server === undefined || handle === undefined || !isHere) {
      throw new GatewayError('ERR_SESSIONS_ELSEWHERE', { retryAfterSeconds: 1 })
    }
    const worker = await supervisor.attach(handle as WorkerHandle, namesOf(record))
    if (worker === undefined) {
      await endGone(record, await supervisor.bury(handle as WorkerHandle))
      return undefined
    }
    const session = ownOf(record, server, worker)
    const end = ended()
    if (end === undefined) return session
    ending.release(session, end)
    return undefined
  }

  /** Its worker has ended while no gateway was there; its time may have been over by then. */
  async function endGone(record: SessionRecord, exit: WorkerExit): Promise<void> {
    const verdict = judge(record, clock.now())
    const session = ownOf(record, serverOf(record), undefined)
    if (verdict.due) await ending.close(session, verdict.reason)
    else await ending.workerExited(session, exit)
  }

  function ownOf(record: SessionRecord, server: Server, worker: Worker | undefined): OwnSession {
    const { touchEveryMs } = store
    const session = createSession({ record, server, clock, touchEveryMs, lostAfterMs })
    session.worker = worker
    sessions.set(record.id, session)
    events.emit('session.adopted', { session: session.handle, server: server.name })
    if (worker !== undefined) {
      const exited = worker.exited.then((exit) => ending.workerExited(session, exit))
      inBackground(exited, tellFault('the end of a worker', ownerOf(session)))
    }
    return session
  }

  const serverOf = ({ server }: SessionRecord): Server =>
    byName.get(server) ?? unknownServer(server)

  return {
    adopt,

    async end(record, reason) {
      const known = sessions.get(record.id)
      if (known !== undefined) {
        await ending.close(known, reason)
        return
      }
      // A gateway that died may have left a worker of which its record does not know yet.
      const handle =
        record.host === host
          ? ((record.handle as WorkerHandle | undefined) ?? (await handleOfWorker(record)))
          : undefined
      const worker =
        handle === undefined ? undefined : await supervisor.attach(handle, namesOf(record))
      if (handle !== undefined && worker === undefined) await supervisor.bury(handle)
      // It may have been taken over while we looked.
      const session = sessions.get(record.id) ?? ownOf(record, serverOf(record), worker)
      if (record.end === undefined) await ending.close(session, reason)
      else await ending.takeOver(session, record.end)
    },

    onEnded(record) {
      const entry = underway.get(record.id)
      if (entry !== undefined && record.end !== undefined) entry.ended = record.end
    },
  }

  async function handleOfWorker({ workerId }: SessionRecord): Promise<WorkerHandle | undefined> {
    const { installation } = options
    const markers = await supervisor.list({ installation, store: store.name })
    return markers.find(({ handle }) => handle.workerId === workerId)?.handle
  }
}

const namesOf = ({ id, server }: SessionRecord) => ({ session: handleOf(id), server })
