import type { Stats } from 'node:fs'
import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Where a path leads, one name at a time, and every place at which it was looked up. */
export interface Walked {
  /** Without links. */
  real: string
  /** Each file or folder on the way, links included, without the root. */
  passed: string[]
  /** Why somebody else could make it lead elsewhere; undefined when nobody could. */
  danger: string | undefined
}

const mostLinks = 40

/**
 * Follows an absolute path. What others may write in they can replace by a link to anywhere, at any
 * time: who looks now has seen nothing, unless nobody but this user and the system may.
 *
 * @returns undefined when there is no such file
 */
export function walk(path: string): Walked | undefined {
  const passed: string[] = []
  let danger: string | undefined
  let links = 0
  let rest = resolve(path).split('/').filter(Boolean)
  let at = '/'
  try {
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        at = dirname(at)
        continue
      }
      const next = join(at, name)
      const found = lstatSync(next)
      danger ??= dangerOf(at, lstatSync(at), found)
      passed.push(next)
      if (!found.isSymbolicLink()) {
        at = next
        continue
      }
      if ((links += 1) > mostLinks) return undefined
      const target = readlinkSync(next)
      if (target.startsWith('/')) at = '/'
      rest = [...target.split('/').filter((part) => part !== '' && part !== '.'), ...rest]
    }
  } catch {
    return undefined
  }
  return { real: at, passed, danger }
}

/** Whether somebody else could put something in the place of what stands in a folder. */
function dangerOf(folder: string, stat: Stats, entry: Stats): string | undefined {
  if (!isTrusted(stat.uid)) return `${folder} belongs to another user`
  if (!isOpenToOthers(stat)) return undefined
  const isSticky = (stat.mode & 0o1000) !== 0
  if (isSticky && isTrusted(entry.uid)) return undefined
  return `others may write in ${folder}`
}

/** A group of its own is what many systems give each user, and lets its members write. */
function isOpenToOthers({ mode, gid }: Stats): boolean {
  const isOwnGroup = gid === process.getgid?.() && gid !== 0
  return (mode & (isOwnGroup ? 0o002 : 0o022)) !== 0
}

/** This user and the system; in a user namespace root may have another number. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.() || uid === lstatSync('/').uid
}

/** Whether a path is a folder or something in it. Both without links. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}
