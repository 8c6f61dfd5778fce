import { readFileSync, realpathSync } from 'node:fs'

import { isWithin } from '../../ground/safe-path.ts'

/** A place where something is mounted (proc(5)). */
export interface MountPoint {
  /** Of the disk: major and minor number. */
  device: string
  /** What of the disk is shown. */
  root: string
  at: string
}

/**
 * Whether something else is mounted inside of a folder, as a volume or a file of a container is. No
 * overlay can be made of such a folder: a user namespace may not take a part of it away from what
 * covers it, and for root the copy would lack what is mounted.
 *
 * @param mountinfo what /proc/self/mountinfo says (proc(5))
 */
export function hasMountsInside(folder: string, mountinfo = ownMounts()): boolean {
  const real = realpathSync(folder)
  return mountPoints(mountinfo).some(({ at }) => at !== real && isWithin(at, real))
}

/** Everything that is mounted, in the order in which it was. */
export function mountPoints(mountinfo = ownMounts()): MountPoint[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , device, root, at] = line.split(' ')
    if (device === undefined || root === undefined || at === undefined) return []
    return [{ device, root: unescaped(root), at: unescaped(at) }]
  })
}

function ownMounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8')
}

/** Spaces and the like stand there as `\040`. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_all, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  )
}
