import { dirname, join } from 'node:path'

import { readKey, readNumber, readText } from './cgroup-files.ts'
import { findHierarchies } from './hierarchies.ts'

/** What is left of the memory that this gateway and its workers may use together. */
export interface FreeMemory {
  freeBytes: number
  totalBytes: number
}

/** @returns undefined where the system does not tell */
export type ReadFreeMemory = () => FreeMemory | undefined

/**
 * Of the machine and of every control group that this process is in, as far as they can be seen, the
 * one with the least left. What the kernel keeps of files and gives back by itself counts as free.
 * Control groups of version 1 are not looked at.
 *
 * @param proc where the kernel tells of processes and memory
 */
export function createMemoryReader(proc = '/proc'): ReadFreeMemory {
  let known: { cgroup: string; dirs: string[] } | undefined
  const dirsOf = (cgroup: string): string[] => {
    const mountinfo = readText(join(proc, 'self/mountinfo')) ?? ''
    return findHierarchies(cgroup, mountinfo)
      .filter(({ version }) => version === 2)
      .flatMap(({ ownDir, mountPoint }) => upTo(mountPoint, ownDir))
  }
  return () => {
    const cgroup = readText(join(proc, 'self/cgroup')) ?? ''
    // Mounts are many where containers run: they are read again only when this process has moved.
    if (known?.cgroup !== cgroup) known = { cgroup, dirs: dirsOf(cgroup) }
    const groups = known.dirs.map(ofGroup)
    return [ofMachine(join(proc, 'meminfo')), ...groups]
      .filter((each) => each !== undefined)
      .sort((a, b) => shareOf(a) - shareOf(b))[0]
  }
}

export const shareOf = ({ freeBytes, totalBytes }: FreeMemory): number => freeBytes / totalBytes

function ofMachine(file: string): FreeMemory | undefined {
  const text = readText(file) ?? ''
  const bytesOf = (key: string): number | undefined => {
    const kib = new RegExp(String.raw`^${key}:\s+(\d+) kB$`, 'm').exec(text)?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  }
  return memoryOf(bytesOf('MemAvailable'), bytesOf('MemTotal'))
}

function ofGroup(dir: string): FreeMemory | undefined {
  // `max`, which is no number, where there is no limit.
  const most = readNumber(join(dir, 'memory.max'))
  const used = readNumber(join(dir, 'memory.current'))
  if (most === undefined || used === undefined) return undefined
  const reclaimable = readKey(join(dir, 'memory.stat'), 'inactive_file') ?? 0
  return memoryOf(Math.min(most, Math.max(0, most - used + reclaimable)), most)
}

function memoryOf(freeBytes?: number, totalBytes?: number): FreeMemory | undefined {
  const isKnown = freeBytes !== undefined && totalBytes !== undefined && totalBytes > 0
  return isKnown ? { freeBytes, totalBytes } : undefined
}

/** The folder, and those above it as far as the mount point. */
function upTo(mountPoint: string, dir: string): string[] {
  const isTop = dir === mountPoint || dirname(dir) === dir
  return isTop ? [dir] : [dir, ...upTo(mountPoint, dirname(dir))]
}
