import type { Clock } from '../ground/clock.ts'
import { parseJson } from '../ground/json.ts'
import { isValid } from '../ground/schema.ts'
import type { WorkerMarker } from '../workers/driver.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { Ending } from './ending.ts'
import { recordLength, SessionRecord } from './record.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'

/**
 * What a gateway does when its store has lost what it knew: the records of living workers are
 * written back, from its own memory and from the copies that stand beside the workers.
 */
export interface WriteBack {
  /** The store is new, or was emptied. */
  all(): Promise<void>
  /**
   * A worker that the store names in no record, though its session was live: the store came back
   * from an older copy of its own.
   *
   * @returns whether its record was written back
   */
  fromCopy(worker: WorkerMarker): Promise<boolean>
  /** The store has something else of this session, or nothing: the later one is right. */
  reconcile(session: OwnSession): Promise<void>
  /** Leaves a copy of the record beside the worker. */
  leaveCopy(session: OwnSession): Promise<void>
}

export interface WriteBackOptions {
  clock: Clock
  store: SessionStore
  supervisor: Supervisor
  installation: string
  sessions: ReadonlyMap<string, OwnSession>
  ending: Ending
}

export function createWriteBack(options: WriteBackOptions): WriteBack {
  const { clock, store, supervisor, installation, sessions, ending } = options

  async function fromCopy({ handle, session, server }: WorkerMarker): Promise<boolean> {
    const worker = await supervisor.attach(handle, { session, server })
    const record = readCopy(await worker?.note())
    if (record === undefined) return false
    // Nobody knows how long it has been idle.
    const idleAtMs = clock.now() + record.idleMs + store.touchEveryMs
    return store.restore({ ...record, idleAtMs: Math.min(idleAtMs, record.maxAtMs) })
  }

  return {
    async all() {
      const known = new Set<string>()
      for (const { record, end } of sessions.values()) {
        known.add(record.workerId)
        if (end === undefined) await store.restore(record)
      }
      const markers = await supervisor.list({ installation, store: store.name })
      const unknown = markers.filter(
        ({ handle, isWarm }) => isWarm !== true && !known.has(handle.workerId),
      )
      await Promise.all(unknown.map(fromCopy))
      // Not before: whoever finds the key believes that nothing is missing.
      await store.enroll(installation)
    },

    fromCopy,

    async reconcile(session) {
      const stored = await store.get(session.id)
      if (stored?.end !== undefined) ending.release(session, stored.end)
      else if (stored === undefined || stored.version < session.record.version) {
        if (session.end === undefined) await store.restore(session.record)
      } else {
        session.record = stored
      }
    },

    async leaveCopy({ record, worker }) {
      await worker?.leaveNote(JSON.stringify(record))
    },
  }
}

function readCopy(text: string | undefined): SessionRecord | undefined {
  const read = text === undefined ? undefined : parseJson(text, recordLength)
  return read?.ok === true && isValid(SessionRecord, read.value) ? read.value : undefined
}
