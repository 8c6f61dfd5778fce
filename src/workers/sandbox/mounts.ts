import { readFileSync, realpathSync } from 'node:fs'

import { isWithin } from './view.ts'

/**
 * Whether something else is mounted inside of a folder, as a volume or a file of a container is. No
 * overlay can be made of such a folder: a user namespace may not take a part of it away from what
 * covers it, and for root the copy would lack what is mounted.
 *
 * @param mountinfo what /proc/self/mountinfo says (proc(5))
 */
export function hasMountsInside(folder: string, mountinfo = ownMounts()): boolean {
  const real = realpathSync(folder)
  return mountinfo
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map(unescaped)
    .some((mountPoint) => mountPoint !== real && isWithin(mountPoint, real))
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
