import { realpathSync, statSync } from 'node:fs'

import type { Walked } from './safe-path.ts'
import { isWithin, walk } from './safe-path.ts'
import { quoted } from './shell.ts'

/** What a mount must not touch. */
export interface MountGrounds {
  /** The gateway's own folder; it need not be there yet. */
  stateDir: string
  /** Files with secrets that no worker sees. */
  hidden: readonly string[]
  /** What workers of any server may write, outside of their own. */
  writable: readonly string[]
}

const kernels = ['/proc', '/sys', '/dev']

/**
 * Why something may not be mounted, for the sentence `may not be mounted: …`. Asked when the
 * configuration is read, and again whenever a sandbox starts: what is there may have changed.
 */
export function mountProblem(
  { from, write }: { from: string; write: boolean },
  { stateDir, hidden, writable }: MountGrounds,
): string | undefined {
  const walked = walk(from)
  if (walked === undefined) return 'it is not there'
  const { real, danger } = walked
  if (real === '/') return 'it is the whole machine. Mount the folders that the server needs.'
  const kernel = kernels.find((folder) => isWithin(real, folder))
  if (kernel !== undefined) return `${kernel} is the kernel's. A sandbox has one of its own.`
  const state = realOf(stateDir)
  if (isWithin(state, real) || isWithin(real, state)) {
    return `the state directory ${isWithin(state, real) ? 'is in it' : 'holds it'}, and with it the admin token. Mount the folders beside it that the server needs, or move the state directory (stateDir).`
  }
  const secrets = hidden.map(realOf)
  const itself = secrets.find((file) => isWithin(real, file))
  if (itself !== undefined) return 'it holds secrets, which no worker gets to see.'
  const inside = write ? secrets.find((file) => isWithin(file, real)) : undefined
  if (inside !== undefined) {
    return `with write: true a worker could put something in the place of ${inside}, which holds secrets. Mount the folders beside it that the server needs, or leave write out.`
  }
  const owner = ownerOf(walked, writable)
  if (owner !== undefined) {
    return `it is in ${owner}, where workers may write: one could put a link in its place, and the next would be shown what that leads to. Mount ${owner} alone.`
  }
  return danger === undefined
    ? undefined
    : `${danger}, and could put a link in its place. Let only yourself write there (chmod go-w), or mount another folder.`
}

/**
 * Why a file with secrets cannot be hidden: under a second name (a hard link, as backups with `cp -al`
 * make them) it is another file to a sandbox, and nobody knows where that name is. What is somebody
 * else's for everybody to read, as in the store of a package manager, is no secret.
 */
export function secondNameProblem(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.nlink < 2) return undefined
  if (stat.uid !== process.getuid?.() && (stat.mode & 0o004) !== 0) return undefined
  const [from, own] = [quoted(file), quoted(`${file}.own`)]
  return `${file} has a second name (a hard link), by which a sandbox would show it. Make it a file of its own: cp -p ${from} ${own} && mv ${own} ${from}`
}

/** The folder in which workers may write and something on the way stands. */
function ownerOf({ real, passed }: Walked, writable: readonly string[]): string | undefined {
  return writable
    .map(realOf)
    .find((folder) => [...passed, real].some((path) => path !== folder && isWithin(path, folder)))
}

/** Of what is not there it is said as it is written: it may come. */
export function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
