import { mkdirSync } from 'node:fs'
import { lstat, mkdir, opendir, rename, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'

import { codeOf, entriesOf } from './folders/entries.ts'
import type { Kept } from './folders/eviction.ts'
import { evict } from './folders/eviction.ts'
import type { Left } from './folders/measure.ts'
import { hasContent, measure } from './folders/measure.ts'
import type { Trash } from './folders/trash.ts'

/**
 * The folder of each session. `workspace` and `output.log` stay, so that one can look afterwards,
 * within limits of age and total size; what else is in it goes with the session.
 */
export interface SessionDirectories {
  make(handle: string): SessionDirectory
  of(handle: string): SessionDirectory
  /** When the session has ended. Never rejects: a disk that fails keeps no session from its end. */
  finish(handle: string): Promise<void>
  /**
   * Removes what is over the limits, and what nobody could remove when its session ended; folders of
   * `open` sessions are never touched. Never rejects.
   */
  sweep(open: ReadonlySet<string>, nowMs: number): Promise<void>
}

export interface SessionDirectory {
  root: string
  workspace: string
  tmp: string
  outputFile: string
}

export interface Retention {
  maxAgeMs: number
  maxTotalBytes: number
}

/** What one may want to look at afterwards; the rest is of drivers and of the session alone. */
const staying = ['workspace', 'output.log', 'output.log.1']

/** Of our own there are a dozen; what a worker has put beside them is moved away as a whole. */
const mostNames = 256

/** A disk with less room than this, or than a hundredth of its size, is full. */
const spareBytes = 64 * 1024 ** 2

/** From here on a folder that belongs to no open session will belong to none. */
const newMs = 60_000

export function createSessionDirectories(
  base: string,
  retention: Retention,
  trash: Trash,
  roomOf = roomOfDisk,
): SessionDirectories {
  mkdirSync(base, { recursive: true, mode: 0o700 })
  /** What those that have ended take, which does not change any more. */
  const measured = new Map<string, Left & { atMs: number }>()
  const of = (handle: string): SessionDirectory => {
    const root = join(base, handle)
    return {
      root,
      workspace: join(root, 'workspace'),
      tmp: join(root, 'tmp'),
      outputFile: join(root, 'output.log'),
    }
  }

  async function tidy(root: string): Promise<void> {
    const names: string[] = []
    for await (const { name } of entriesOf({ opendir, lstat }, Buffer.from(root))) {
      names.push(name.toString())
      if (names.length > mostNames) break
    }
    if (names.length > mostNames) {
      await exchange(root)
    } else {
      const others = names.filter((name) => !staying.includes(name))
      for (const name of others) await trash.take(join(root, name))
    }
    // Nothing to look at later: do not leave a folder behind for every session ever opened.
    if (!(await hasContent(root))) await trash.take(root)
  }

  /** Puts in its place a folder with nothing but what stays. */
  async function exchange(root: string): Promise<void> {
    const next = `${root}.next`
    await mkdir(next, { recursive: true, mode: 0o700 })
    for (const name of staying) {
      await rename(join(root, name), join(next, name)).catch(() => undefined)
    }
    if (await trash.take(root)) await rename(next, root)
  }

  async function finish(handle: string): Promise<void> {
    const { root } = of(handle)
    try {
      await tidy(root)
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') trash.tell(root, thrown)
    }
  }

  /** Those that have ended, without what is too old to stay. */
  async function young(
    open: ReadonlySet<string>,
    nowMs: number,
  ): Promise<Omit<Kept, keyof Left>[]> {
    const found: Omit<Kept, keyof Left>[] = []
    for await (const { name, isFolder } of entriesOf({ opendir, lstat }, Buffer.from(base))) {
      const handle = name.toString()
      if (open.has(handle)) continue
      // A link would lead to what is no session's.
      if (!isFolder) {
        await trash.take(join(base, handle))
        continue
      }
      const { root } = of(handle)
      const changedAtMs = (await lstat(root).catch(() => undefined))?.mtimeMs ?? nowMs
      if (nowMs - changedAtMs > retention.maxAgeMs) await trash.take(root)
      else found.push({ handle, changedAtMs })
    }
    return found
  }

  async function measureOnce(handle: string, changedAtMs: number): Promise<Left> {
    const known = measured.get(handle)
    if (known?.atMs === changedAtMs) return known
    const left = await measure(of(handle).root).catch(() => ({ workspaceBytes: 0, restBytes: 0 }))
    measured.set(handle, { ...left, atMs: changedAtMs })
    return left
  }

  /** What a disk that is full needs before a session can be started. */
  async function lacking(): Promise<number> {
    const disk = await roomOf(base).catch(() => undefined)
    return disk === undefined ? 0 : Math.max(0, Math.min(spareBytes, disk.size / 100) - disk.free)
  }

  async function sweep(open: ReadonlySet<string>, nowMs: number): Promise<void> {
    const ended = await young(open, nowMs)
    const handles = new Set(ended.map(({ handle }) => handle))
    for (const handle of measured.keys()) if (!handles.has(handle)) measured.delete(handle)
    const kept: Kept[] = []
    for (const each of ended) {
      kept.push({ ...each, ...(await measureOnce(each.handle, each.changedAtMs)) })
    }
    const { workspaces, whole } = evict(kept, retention.maxTotalBytes, await lacking())
    for (const handle of whole) await trash.take(of(handle).root)
    for (const { handle, changedAtMs } of kept) {
      const { root, workspace } = of(handle)
      if (whole.includes(handle)) continue
      const isOver = workspaces.includes(handle) && (await trash.take(workspace))
      // Its gateway was killed, and the store has forgotten it. A new one may not be `open` yet.
      const isOld = nowMs - changedAtMs > newMs
      if (isOld) await finish(handle)
      // Its age is that of its session.
      const at = new Date(changedAtMs)
      if (isOver || isOld) await utimes(root, at, at).catch(() => undefined)
    }
  }

  return {
    of,
    make(handle) {
      const directory = of(handle)
      for (const path of [directory.root, directory.workspace, directory.tmp]) makeFolder(path)
      return directory
    },
    finish,
    async sweep(open, nowMs) {
      try {
        await sweep(open, nowMs)
      } catch (thrown) {
        trash.tell(base, thrown)
      }
    },
  }
}

async function roomOfDisk(folder: string): Promise<{ free: number; size: number }> {
  const { bsize, bavail, blocks } = await statfs(folder)
  return { free: bsize * bavail, size: bsize * blocks }
}

/** With `recursive` alone Node calls a disk that is read-only one that is not there. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (thrown) {
    if (!['EEXIST', 'ENOENT'].includes(codeOf(thrown))) throw thrown
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
}
