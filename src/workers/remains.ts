import { basename } from 'node:path'

import { removeFile } from '../ground/removal.ts'
import type { WorkerExit, WorkerHandle } from './driver.ts'
import type { KeeperEnd } from './keeper-process.ts'
import { exitFileOf } from './keeper-start.ts'
import type { KeeperExit } from '../keeper/protocol.ts'
import type { Group, LimitGroups } from './limits/limits.ts'
import type { Markers } from './markers.ts'
import { readJson } from './markers.ts'
import { endTreeOf } from './process-handle.ts'

/** What a worker leaves behind, and how it is cleared away: by one gateway, or by several at once. */
export interface Remains {
  /** Of a worker whose keeper is gone: unless that saw to it itself, processes may be left. */
  clear(handle: WorkerHandle, end: KeeperEnd): Promise<void>
  /** Where no server has limits nothing is looked for: that alone makes groups, to try them. */
  groupOf(handle: WorkerHandle): Group | undefined
}

export function createRemains(markers: Markers, limitGroups: LimitGroups): Remains {
  const groupOf: Remains['groupOf'] = ({ hasGroups, groups, workerId }) =>
    hasGroups === true
      ? limitGroups.find(workerId, typeof groups === 'string' ? groups : undefined)
      : undefined

  return {
    groupOf,
    async clear(handle, { code }) {
      if (code !== 0) await endTreeOf(handle)
      await groupOf(handle)?.remove()
      markers.remove(handle.workerId)
      const socket = String(handle.socketPath)
      // A handle may come from a record, and must not name a file elsewhere.
      if (socketName.test(basename(socket))) removeFile(socket)
    },
  }
}

const socketName = /^[0-9a-f]{12}\.sock$/

const outOfMemory = 'it wanted more memory than it may have (limits.memory), and was killed'

/** As its keeper has written it down, or as it looks without. */
export function exitOf(exit: KeeperExit | undefined, end: KeeperEnd): WorkerExit {
  if (exit === undefined) return { code: null, signal: 'SIGKILL', how: howWithoutKeeper(end) }
  const { code, signal, how, oom, listens } = exit
  const told = { code, signal, how, ...(listens === undefined ? {} : { listens }) }
  return oom === true ? outOfMemoryOf(told) : told
}

export const outOfMemoryOf = (exit: WorkerExit): WorkerExit => ({
  ...exit,
  how: outOfMemory,
  oom: true,
})

export function readExit(directory: string): KeeperExit | undefined {
  return readJson(exitFileOf(directory)) as KeeperExit | undefined
}

/** Nothing is known of the server itself: its keeper could not tell. */
function howWithoutKeeper({ code, signal }: KeeperEnd): string {
  if (code === null && signal === null) return 'its keeper vanished'
  // 128 + 9, as a shell has it that waited for a keeper which was killed.
  if (code === null || code > 128) return 'its keeper was killed'
  return `its keeper ended unexpectedly (exit code ${code})`
}
