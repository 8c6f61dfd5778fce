import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { makeFolder, readWords, removeGroup, tryWrite, writeText } from './cgroup-files.ts'
import type { Hierarchy } from './hierarchies.ts'
import { whyShared } from './reasons.ts'

/** Where the gateway itself lives below its own group, on cgroup v2. */
export const leaf = 'berth.gateway'

export type Delegated = { base: string; why: '' } | { base: undefined; why: string }

/**
 * Makes the group that this cgroup v2 process is in hand its controllers on to groups below it.
 * A group that does must have no processes of its own, so this process moves into a leaf. Nobody
 * else is moved: where others live in the group it is left as it is.
 *
 * @throws the error of the system when it may not make groups there
 */
export function delegate(hierarchy: Hierarchy, wanted: string[]): Delegated {
  const { mountPoint } = hierarchy
  const base = baseOf(hierarchy)
  const offered = readWords(join(base, 'cgroup.controllers'))
  const usable = wanted.filter((name) => offered.includes(name))
  const missing = () => {
    const enabled = readWords(join(base, 'cgroup.subtree_control'))
    return usable.filter((name) => !enabled.includes(name))
  }
  if (missing().length === 0) return { base, why: '' }

  const leafDir = join(base, leaf)
  makeFolder(leafDir)
  const others = directPidsIn(base).filter((pid) => pid !== process.pid)
  const isAlone = others.length === 0
  // The real root is the only group that may have both; it alone has no type.
  const mayShare = base === mountPoint && !existsSync(join(base, 'cgroup.type'))
  const mustMove = isAlone && !mayShare && directPidsIn(base).includes(process.pid)
  if (!isAlone && !mayShare) {
    removeGroup(leafDir)
    return { base: undefined, why: whyShared(hierarchy.path, others.length) }
  }
  if (mustMove) writeText(join(leafDir, 'cgroup.procs'), String(process.pid))
  const isOfUse = handOn(base, missing())
  if (mustMove && !isOfUse) {
    tryWrite(join(base, 'cgroup.procs'), String(process.pid))
  }
  removeGroup(leafDir)
  return { base, why: '' }
}

/** One at a time: the kernel takes all of a line or nothing. True when it took any. */
export function handOn(dir: string, controllers: string[]): boolean {
  const file = join(dir, 'cgroup.subtree_control')
  return controllers.map((name) => tryWrite(file, `+${name}`)).includes(true)
}

/** The group below which there is room for others: a gateway, or its unit, may be in a leaf of it. */
export function baseOf({ mountPoint, ownDir }: Hierarchy): string {
  return ownDir !== mountPoint && basename(ownDir) === leaf ? dirname(ownDir) : ownDir
}

function directPidsIn(dir: string): number[] {
  return readWords(join(dir, 'cgroup.procs')).map(Number)
}
