import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import {
  makeFolder,
  readWords,
  removeGroup,
  removeGroupSoon,
  removeIfEmpty,
} from './cgroup-files.ts'
import type { Dialect } from './controllers.ts'
import { v1, v2 } from './controllers.ts'
import { baseOf, delegate, handOn } from './delegation.ts'
import type { Hierarchy } from './hierarchies.ts'
import type { Limits } from '../driver.ts'
import { whyCannotJoin, whyNoController, whyNoGroup } from './reasons.ts'
import { limitedCommand } from './wrapper.ts'

/** Where groups of workers can be made: one on cgroup v2, one for each hierarchy on v1. */
export interface Place {
  version: 1 | 2
  /** The folder of this installation; a worker's group is a folder in it. */
  folder: string
  /** Those of them that are of use here and were found to work. */
  controllers: ReadonlySet<string>
  dialect: Dialect
}

export interface Places {
  usable: Place[]
  /** Why a controller cannot be used that is in none of them. */
  why(controller: string): string
}

/** Small enough for any machine, and large enough for a shell. */
const trialLimits: Limits = { memoryBytes: 64 * 1024 * 1024, cpus: 1, pids: 64 }

/** Finds out by doing it: groups are made, limited, joined by a process, and removed. */
export function findPlaces(hierarchies: Hierarchy[], folderName: string): Places {
  const usable: Place[] = []
  const problems = new Map<string, string>()
  for (const hierarchy of hierarchies) {
    const dialect = hierarchy.version === 1 ? v1 : v2
    const its = dialect.controllers.filter((name) => has(hierarchy, name))
    if (its.length === 0) continue
    const found = placeIn(hierarchy, dialect, its, folderName)
    if ('why' in found) for (const name of its) problems.set(name, found.why)
    else usable.push(found)
  }
  return {
    usable,
    why: (name) => problems.get(name) ?? whyNoController(name, hierarchies),
  }
}

function placeIn(
  hierarchy: Hierarchy,
  dialect: Dialect,
  its: string[],
  folderName: string,
): Place | { why: string } {
  const { version, ownDir } = hierarchy
  let place: Place | undefined
  try {
    let parent = ownDir
    if (version === 2) {
      const delegated = delegate(hierarchy, its)
      if (delegated.base === undefined) return { why: delegated.why }
      parent = delegated.base
    }
    const folder = join(parent, folderName)
    place = { version, folder, controllers: new Set(its), dialect }
    const trial = makeGroup(place, `trial-${process.pid}`, trialLimits)
    if (version === 2) {
      const given = readWords(join(trial, 'cgroup.controllers'))
      place = { ...place, controllers: new Set(its.filter((name) => given.includes(name))) }
    }
    const canJoin = joins(join(trial, 'cgroup.procs'))
    removeGroupSoon(trial)
    return canJoin ? place : { why: whyCannotJoin(folder) }
  } catch (thrown) {
    return { why: whyNoGroup(thrown, hierarchy) }
  } finally {
    if (place !== undefined) removeIfEmpty(place.folder)
  }
}

/**
 * Makes the group of one worker in one place, its limits written.
 *
 * @throws the error of the system; nothing is left behind then
 */
export function makeGroup(place: Place, name: string, limits: Limits): string {
  const { folder, controllers, dialect } = place
  const dir = join(folder, name)
  try {
    for (;;) {
      makeFolder(folder)
      if (place.version === 2) handOn(folder, [...controllers])
      // Another gateway may have removed the folder after the last of its own workers.
      if (isMade(dir)) break
    }
    dialect.limit(dir, enabledIn(place, dir), limits)
    return dir
  } catch (thrown) {
    removeGroup(dir)
    removeIfEmpty(folder)
    throw thrown
  }
}

function isMade(dir: string): boolean {
  try {
    mkdirSync(dir)
    return true
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    if (code === 'EEXIST') return true
    if (code === 'ENOENT') return false
    throw thrown
  }
}

/** On v2 what has been handed on shows in the group itself. */
function enabledIn({ version, controllers }: Place, dir: string): ReadonlySet<string> {
  if (version === 1) return controllers
  const given = readWords(join(dir, 'cgroup.controllers'))
  return new Set([...controllers].filter((name) => given.includes(name)))
}

function has(hierarchy: Hierarchy, name: string): boolean {
  if (hierarchy.version === 1) return hierarchy.controllers.includes(name)
  return readWords(join(baseOf(hierarchy), 'cgroup.controllers')).includes(name)
}

function joins(procsFile: string): boolean {
  const { command, args } = limitedCommand({ command: 'true', args: [], procsFiles: [procsFile] })
  return spawnSync(command, args, { stdio: 'ignore', timeout: 5000 }).status === 0
}
