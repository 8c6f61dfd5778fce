import { lstatSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

import { realOf } from '../../ground/mount-rules.ts'
import { isWithin } from '../../ground/safe-path.ts'
import type { MountPoint } from './mounts.ts'
import { mountPoints } from './mounts.ts'

/** What is laid over a place in a sandbox, so that nothing is to be seen there. */
export interface Mask {
  at: string
  isFolder: boolean
}

/**
 * Every path of this machine by which one of these is reached: without links, and once more for each
 * mount that shows the same part of a disk.
 */
export function placesOf(paths: readonly string[], mounts = mountPoints()): string[] {
  const places = paths.map(realOf).flatMap((path) => [path, ...aliasesOf(path, mounts)])
  return [...new Set(places)]
}

function aliasesOf(path: string, mounts: readonly MountPoint[]): string[] {
  const around = mounts.filter(({ at }) => isWithin(path, at))
  const own = around.reduce<MountPoint | undefined>(
    // Of those at one place the last one is seen.
    (best, one) => (best === undefined || one.at.length >= best.at.length ? one : best),
    undefined,
  )
  if (own === undefined) return []
  const onDisk = join(own.root, relative(own.at, path))
  return mounts
    .filter((one) => one !== own && one.device === own.device && isWithin(onDisk, one.root))
    .map((one) => join(one.at, relative(one.root, onDisk)))
    .filter((alias) => alias !== path && isSame(alias, path))
}

function isSame(one: string, other: string): boolean {
  try {
    const [a, b] = [lstatSync(one), lstatSync(other)]
    return a.ino === b.ino && a.dev === b.dev
  } catch {
    return false
  }
}

/**
 * What of a folder, or of a file, has to be masked where it is shown.
 *
 * @param places what `placesOf` has found
 */
export function masksOf(shown: { from: string; to: string }, places: readonly string[]): Mask[] {
  const folder = realOf(shown.from)
  return places
    .filter((place) => isWithin(place, folder))
    .flatMap((place) => {
      const found = statSync(place, { throwIfNoEntry: false })
      if (found === undefined) return []
      return [{ at: join(shown.to, relative(folder, place)), isFolder: found.isDirectory() }]
    })
}

/** @param nothing an empty file */
export function maskArgs(masks: readonly Mask[], nothing: string): string[] {
  return masks.flatMap(({ at, isFolder }) =>
    isFolder ? ['--size', '4096', '--perms', '0500', '--tmpfs', at] : ['--ro-bind', nothing, at],
  )
}
