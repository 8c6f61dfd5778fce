import type { WorkerMarker } from '../workers/driver.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { SessionDirectories } from './directories.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'
import type { WriteBack } from './write-back.ts'

/**
 * Ends workers of a shared store that belong to no session. Ownership decides who may be ended, and
 * the absence of a record never does at once: a worker is ended when the store holds the key of
 * this installation and has named it in no record, of whatever state, twice, a start allowance
 * apart; or when it names it in the record of a session that is over. One whose session was live
 * has a copy of its record beside it, which is written back instead: a tombstone would name it. A
 * warm worker is in no record until it is claimed, and ends with its gateway.
 */
export interface Sweep {
  /** @returns how many were ended */
  look(): Promise<number>
}

export interface SweepOptions {
  store: SessionStore
  supervisor: Supervisor
  directories: SessionDirectories
  installation: string
  sessions: ReadonlyMap<string, OwnSession>
  writeBack: Pick<WriteBack, 'fromCopy'>
  /** Between two looks at a worker without a record. */
  allowanceMs: number
  now(): number
}

const graceMs = 1000

export function createSweep(options: SweepOptions): Sweep {
  const { store, supervisor, directories, installation, sessions, allowanceMs, now } = options
  const { writeBack } = options
  /** Workers without a record, and when they were first seen so. */
  const suspects = new Map<string, number>()

  /** By worker, whether its session is over. */
  async function named(): Promise<Map<string, boolean>> {
    const found = new Map<string, boolean>()
    for await (const { workerId, state } of store.scan()) found.set(workerId, state === 'closed')
    return found
  }

  async function end({ handle, session, server }: WorkerMarker): Promise<void> {
    const worker = await supervisor.attach(handle, { session, server })
    if (worker === undefined) await supervisor.bury(handle)
    else await worker.stop({ graceMs })
    await directories.finish(session)
  }

  return {
    async look() {
      const markers = await supervisor.list({ installation, store: store.name })
      const known = new Set([...sessions.values()].map(({ record }) => record.workerId))
      const unknown = markers.filter(({ handle }) => !known.has(handle.workerId))
      const records = unknown.length === 0 ? new Map<string, boolean>() : await named()
      const nowMs = now()
      const doomed: WorkerMarker[] = []
      const seen = new Set<string>()
      for (const marker of unknown) {
        const { workerId } = marker.handle
        const isOver = records.get(workerId)
        if (isOver === undefined && marker.isWarm === true) continue
        if (isOver === false || (isOver === undefined && (await writeBack.fromCopy(marker))))
          continue
        seen.add(workerId)
        const sinceMs = suspects.get(workerId) ?? nowMs
        suspects.set(workerId, sinceMs)
        if (isOver === true || nowMs - sinceMs >= allowanceMs) doomed.push(marker)
      }
      for (const workerId of suspects.keys()) if (!seen.has(workerId)) suspects.delete(workerId)
      await Promise.all(doomed.map(end))
      return doomed.length
    },
  }
}
