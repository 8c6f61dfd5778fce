import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { messageOf } from '../../ground/errors.ts'
import {
  killOneByOne,
  pidsIn,
  readKey,
  readText,
  readWords,
  removeGroup,
  removeGroupSoon,
  removeIfEmpty,
  tryWrite,
} from './cgroup-files.ts'
import { v1, v2 } from './controllers.ts'
import type { Hierarchy } from './hierarchies.ts'
import { findHierarchies } from './hierarchies.ts'
import type { Enforcement, Usage } from '../driver.ts'
import type { Group, LimitGroups } from './limits.ts'
import type { Place, Places } from './places.ts'
import { findPlaces, makeGroup } from './places.ts'

export interface LimitGroupsOptions {
  /** Random id of the state directory; groups of other installations are never touched. */
  installation: string
  /** What /proc/self/cgroup says. Default: what it says now. */
  cgroup?: string
  /** What /proc/self/mountinfo says. Default: what it says now. */
  mountinfo?: string
}

/** Which controller enforces which limit. */
const controllerOf = { memory: 'memory', cpu: 'cpus', pids: 'pids' } as const

/** How long `remove` waits for the kernel, and how often it looks. */
const removeMs = 1000
const removePauseMs = 10

/** Nothing is looked at or made before the first of its verbs is called. */
export function createLimitGroups(options: LimitGroupsOptions): LimitGroups {
  const folderName = `berth-${options.installation.slice(0, 8)}`
  const cgroup = () => options.cgroup ?? readText('/proc/self/cgroup') ?? ''
  const mountinfo = () => options.mountinfo ?? readText('/proc/self/mountinfo') ?? ''
  let found: Places | undefined
  let known: Hierarchy[] | undefined
  // Where they are mounted; that does not change when this process moves.
  const hierarchies = () => (known ??= findHierarchies(cgroup(), mountinfo()))
  const places = () => (found ??= findPlaces(hierarchies(), folderName))

  const enforcementOf = (controller: keyof typeof controllerOf): Enforcement => {
    const limit = controllerOf[controller]
    const place = places().usable.find(({ controllers }) => controllers.has(controller))
    if (place !== undefined) return { limit, by: `cgroup v${place.version}` }
    if (process.platform !== 'linux' && options.cgroup === undefined) {
      return {
        limit,
        by: null,
        why: `${process.platform} has no cgroups: run the gateway on Linux`,
      }
    }
    return { limit, by: null, why: places().why(controller) }
  }

  return {
    enforcement: () => [
      enforcementOf('memory'),
      enforcementOf('cpu'),
      enforcementOf('pids'),
      { limit: 'openFiles', by: 'rlimit (ulimit -n)' },
    ],

    create(workerId, limits) {
      if (!isWorkerId(workerId)) throw new Error('A worker id has letters, digits, _ and - only.')
      const { usable } = places()
      if (usable.length === 0) return undefined
      const parts: Part[] = []
      for (const place of usable) {
        try {
          parts.push({ place, dir: makeGroup(place, workerId, limits) })
        } catch (thrown) {
          removeAll(parts)
          throw new Error(`The limits could not be set: ${messageOf(thrown)}`, { cause: thrown })
        }
      }
      return groupOf(parts)
    },

    find(workerId, where) {
      if (!isWorkerId(workerId)) return undefined
      if (where !== undefined) return groupAt(join(folderName, workerId), where)
      const parts = places()
        .usable.map((place) => ({ place, dir: join(place.folder, workerId) }))
        .filter(({ dir }) => existsSync(dir))
      return parts.length === 0 ? undefined : groupOf(parts)
    },
  }

  /** It may come from a record, and must not name a folder elsewhere. */
  function groupAt(ending: string, where: string): Group | undefined {
    const parts = where.split(separator).flatMap((dir): Part[] => {
      if (!dir.endsWith(`/${ending}`) || dir !== resolve(dir) || !existsSync(dir)) return []
      const [hierarchy] = hierarchies()
        .filter(({ mountPoint }) => dir.startsWith(`${mountPoint}/`))
        .sort((one, other) => other.mountPoint.length - one.mountPoint.length)
      return hierarchy === undefined ? [] : [{ place: placeOf(hierarchy, dir), dir }]
    })
    return parts.length === 0 ? undefined : groupOf(parts)
  }
}

const separator = '\n'

/** Where a group is that is there. */
function placeOf({ version, controllers }: Hierarchy, dir: string): Place {
  const dialect = version === 1 ? v1 : v2
  const there = version === 1 ? controllers : readWords(join(dir, 'cgroup.controllers'))
  const its = dialect.controllers.filter((name) => there.includes(name))
  return { version, folder: dirname(dir), controllers: new Set(its), dialect }
}

/** The group of a worker in one place. */
interface Part {
  place: Place
  dir: string
}

function groupOf(parts: Part[]): Group {
  const dirs = parts.map(({ dir }) => dir)
  const dirWith = (controller: string): string | undefined =>
    parts.find(({ place }) => place.controllers.has(controller))?.dir
  const dialectWith = (controller: string) =>
    parts.find(({ place }) => place.controllers.has(controller))?.place.dialect
  const memoryDir = dirWith('memory')
  const oomFile =
    memoryDir === undefined ? undefined : join(memoryDir, dialectWith('memory')?.oomFile ?? '')

  return {
    procsFiles: dirs.map((dir) => join(dir, 'cgroup.procs')),
    where: dirs.join(separator),
    oomFile,

    usage() {
      const there = parts.filter(({ dir }) => existsSync(dir))
      const usage: Usage = {}
      for (const { place, dir } of there) {
        Object.assign(usage, place.dialect.usage(dir, place.controllers))
      }
      const first = there[0]
      if (first !== undefined) usage.processes = pidsIn(first.dir).length
      return usage
    },

    oomKills: () => (oomFile === undefined ? 0 : (readKey(oomFile, 'oom_kill') ?? 0)),
    throttled: () => dialectWith('cpu')?.throttled(dirWith('cpu') ?? '') ?? 0,

    kill() {
      // Nothing escapes from this one, however fast it forks. Since Linux 5.14.
      const isDone = parts.every(
        ({ place, dir }) => place.version === 2 && tryWrite(join(dir, 'cgroup.kill'), '1'),
      )
      if (!isDone) killOneByOne(dirs)
    },

    async remove() {
      const untilMs = performance.now() + removeMs
      let left = dirs
      for (;;) {
        left = left.filter((dir) => !removeGroup(dir))
        if (left.length === 0 || performance.now() > untilMs) break
        // Not the clock's timers: those let this process end while it waits.
        await new Promise((resolve) => setTimeout(resolve, removePauseMs))
      }
      for (const dir of dirs) removeIfEmpty(dirname(dir))
    },
  }
}

function removeAll(parts: Part[]): void {
  for (const { dir } of parts) {
    removeGroupSoon(dir)
    removeIfEmpty(dirname(dir))
  }
}

/** It may come from a record, and must not name a folder elsewhere. */
const isWorkerId = (text: string): boolean => /^[\w-]+$/.test(text)
