import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The folder of each session. `workspace` and `output.log` stay, so that one can look afterwards,
 * within limits of age and total size; what else is in it goes with the session.
 */
export interface SessionDirectories {
  make(handle: string): SessionDirectory
  of(handle: string): SessionDirectory
  /** When the session has ended. */
  finish(handle: string): Promise<void>
  /**
   * Removes what is over the limits, and what nobody could remove when its session ended; folders of
   * `open` sessions are never touched.
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
const stays = /^(workspace|output\.log(\.1)?)$/

/** From here on a folder that belongs to no open session will belong to none. */
const newMs = 60_000

export function createSessionDirectories(base: string, retention: Retention): SessionDirectories {
  mkdirSync(base, { recursive: true, mode: 0o700 })
  const of = (handle: string): SessionDirectory => {
    const root = join(base, handle)
    return {
      root,
      workspace: join(root, 'workspace'),
      tmp: join(root, 'tmp'),
      outputFile: join(root, 'output.log'),
    }
  }
  const directories: SessionDirectories = {
    of,
    make(handle) {
      const directory = of(handle)
      for (const path of [directory.root, directory.workspace, directory.tmp]) {
        mkdirSync(path, { recursive: true, mode: 0o700 })
      }
      return directory
    },
    async finish(handle) {
      const { root, workspace } = of(handle)
      for (const { name } of entriesOf(root)) {
        if (!stays.test(name)) await rm(join(root, name), { recursive: true, force: true })
      }
      // Nothing to look at later: do not leave a folder behind for every session ever opened.
      if (bytesIn(workspace) === 0 && bytesIn(root) === 0) {
        await rm(root, { recursive: true, force: true })
      }
    },
    async sweep(open, nowMs) {
      const ended = readdirSync(base)
        .filter((handle) => !open.has(handle))
        .map((handle) => ({ handle, ...measure(join(base, handle)) }))
        .sort((a, b) => b.changedAtMs - a.changedAtMs)
      let total = 0
      for (const { handle, bytes, changedAtMs } of ended) {
        total += bytes
        const keep = nowMs - changedAtMs <= retention.maxAgeMs && total <= retention.maxTotalBytes
        if (!keep) await rm(join(base, handle), { recursive: true, force: true })
        // Its gateway was killed, and the store has forgotten it. A new one may not be `open` yet.
        else if (nowMs - changedAtMs > newMs) await directories.finish(handle)
      }
    },
  }
  return directories
}

function measure(path: string): { bytes: number; changedAtMs: number } {
  return { bytes: bytesIn(path), changedAtMs: statOf(path)?.mtimeMs ?? 0 }
}

function bytesIn(path: string): number {
  let bytes = 0
  for (const entry of entriesOf(path)) {
    const below = join(path, entry.name)
    bytes += entry.isDirectory() ? bytesIn(below) : (statOf(below)?.size ?? 0)
  }
  return bytes
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return [] // removed meanwhile, or not ours to read
  }
}

function statOf(path: string) {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
