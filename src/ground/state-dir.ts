import type { Dirent, Stats } from 'node:fs'
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { GatewayError } from './errors.ts'
import { walk } from './safe-path.ts'
import { quoted } from './shell.ts'

/** A folder in the state directory, made if need be; both are for this user alone. */
export function stateFolder(stateDir: string, name: string): string {
  const folder = join(stateDir, name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/**
 * Makes the state directory if need be, and looks whether it is this user's alone: who may write in
 * it can have files of this user written, read and removed anywhere, and command the gateway.
 *
 * @returns what is not as it should be, but may be meant
 * @throws ERR_CONFIG_INVALID, with the line to run
 */
export function openStateDir(stateDir: string): string[] {
  const isNew = mkdirSync(stateDir, { recursive: true, mode: 0o700 }) !== undefined
  // An umask takes from what was asked for.
  if (isNew) chmodSync(stateDir, 0o700)
  const problem = problemIn(stateDir)
  if (problem !== undefined) {
    const problems = `stateDir: ${problem}`
    throw new GatewayError('ERR_CONFIG_INVALID', { params: { problems } })
  }
  const danger = walk(stateDir)?.danger
  return danger === undefined
    ? []
    : [
        `The state directory ${stateDir} is not safe: ${danger}, and could put another folder in its place. Let stateDir be one in a folder of your own.`,
      ]
}

function problemIn(stateDir: string): string | undefined {
  const own = problemOf(stateDir, statSync(stateDir))
  if (own !== undefined) return own
  for (const entry of entriesOf(stateDir)) {
    const path = join(stateDir, entry.name)
    const problem = linkProblem(path, entry) ?? problemAt(path)
    if (problem !== undefined) return problem
    if (!entry.isDirectory() || isOfSessions(entry.name)) continue
    for (const inner of entriesOf(path)) {
      const at = join(path, inner.name)
      const isPipe = inner.isFIFO() && isOfKeepers(entry.name)
      const planted = (isPipe ? undefined : linkProblem(at, inner)) ?? ownerProblemAt(at)
      if (planted !== undefined) return planted
    }
  }
  return undefined
}

/** What workers have left is theirs, and never followed. */
const isOfSessions = (name: string): boolean => name === 'sessions' || name === 'trash'

/** There are the sockets of keepers, and the pipes of servers that share one; nobody else reads them. */
const isOfKeepers = (name: string): boolean => name === 'run'

function linkProblem(path: string, entry: Dirent): string | undefined {
  if (entry.isSymbolicLink()) {
    return `${path} is a link, and Berth makes none: whoever made it has its files written elsewhere. Run: rm ${quoted(path)}`
  }
  // Sockets are those of keepers.
  const isOwn = entry.isFile() || entry.isDirectory() || entry.isSocket()
  return isOwn
    ? undefined
    : `${path} is a pipe or a device, and Berth makes none: who reads it waits for ever. Run: rm ${quoted(path)}`
}

function ownerProblemAt(path: string): string | undefined {
  try {
    return ownerProblem(path, lstatSync(path))
  } catch {
    return undefined
  }
}

function problemAt(path: string): string | undefined {
  try {
    return problemOf(path, lstatSync(path))
  } catch {
    return undefined // another gateway has removed it meanwhile
  }
}

function ownerProblem(path: string, stat: Stats): string | undefined {
  const uid = process.getuid?.()
  return uid === undefined || stat.uid === uid
    ? undefined
    : `${path} belongs to another user (uid ${stat.uid}), who could change what is in it. Set stateDir to a folder of your own, or run: sudo chown -R ${uid} ${quoted(path)}`
}

function problemOf(path: string, stat: Stats): string | undefined {
  const owner = ownerProblem(path, stat)
  if (owner !== undefined) return owner
  if ((stat.mode & 0o022) === 0) return undefined
  return `others may write in ${path} (mode ${(stat.mode & 0o7777).toString(8)}). Look at what is in it, and run: chmod go-w ${quoted(path)}`
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // removed meanwhile
  }
}
