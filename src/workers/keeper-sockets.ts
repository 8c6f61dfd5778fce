import { readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { guarded, tellFault } from '../ground/guarded.ts'
import { startTimeOf } from '../ground/process-tree.ts'
import { removeFile } from '../ground/removal.ts'

/** A socket is made before it is listened on: another gateway's keeper may be about to. */
const startingMs = 10_000

/** Keepers of a gateway that was killed have left theirs, and named pipes: no marker names them. */
export async function removeDeadSockets(folder: string): Promise<void> {
  const names = namesIn(folder)
  for (const name of names) {
    const [, pid] = pipeName.exec(name) ?? []
    if (pid !== undefined && startTimeOf(Number(pid)) === undefined) removeFile(join(folder, name))
  }
  const sockets = names.filter((name) => name.endsWith('.sock'))
  await Promise.all(
    sockets.map(async (name) => {
      const path = join(folder, name)
      const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity }
      if (Date.now() - mtimeMs < startingMs || (await isListenedOn(path))) return
      removeFile(path)
    }),
  )
}

/** Of a keeper that is gone: killed, or ended in the middle of a start. */
export function removePipesOf(folder: string, keeperPid: number): void {
  for (const name of namesIn(folder)) {
    if (pipeName.exec(name)?.[1] === String(keeperPid)) removeFile(join(folder, name))
  }
}

/** They begin with the pid of the keeper that has made them. */
const pipeName = /^(\d+)-\d+\.(?:in|out|err)$/

/** Of a state directory that was removed meanwhile, or cannot be read, nothing is left to tidy. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** False for a socket that is gone, or whose process is. */
export function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    const failed = ({ code }: NodeJS.ErrnoException): void =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT')
    socket.once('error', guarded(failed, tellFault('knocking at a socket')))
  })
}
