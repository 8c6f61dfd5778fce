import type { Stats } from 'node:fs'
import fs from 'node:fs/promises'

import { batchesOf, below, codeOf, entriesOf, openUp } from './entries.ts'

/** What a session has left, in bytes of the disk. */
export interface Left {
  /** Infinite for what cannot be looked through. */
  workspaceBytes: number
  /** Its log, and whatever else stands beside its workspace. */
  restBytes: number
}

/** Blocks are what is taken from others: a file may say that it is much larger, or have no size. */
const blockBytes = 512

/** A tree with more than this is not looked through: it goes before any other. */
const mostEntries = 2_000_000

/** Some entries at a time, so that others are served in between. */
export async function measure(root: string): Promise<Left> {
  const left = { workspaceBytes: 0, restBytes: 0 }
  const top = Buffer.from(root)
  for await (const { name, isFolder } of walk(top)) {
    const bytes = await bytesBelow(below(top, name), isFolder)
    if (name.toString() === 'workspace') left.workspaceBytes += bytes
    else left.restBytes += bytes
  }
  return left
}

async function bytesBelow(path: Buffer, isFolder: boolean): Promise<number> {
  let bytes = blocksOf(await look(path))
  let seen = 0
  const folders = isFolder ? [path] : []
  try {
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      await openUp(fs, folder)
      for await (const batch of batchesOf(fs, folder)) {
        if ((seen += batch.length) > mostEntries) return Infinity
        const inside = batch.map(({ name }) => below(folder, name))
        for (const found of await Promise.all(inside.map(look))) bytes += blocksOf(found)
        folders.push(...inside.filter((_path, index) => batch[index]?.isFolder))
      }
    }
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') return Infinity
  }
  return bytes
}

/**
 * Whether anything in it is worth a look: a file that is not empty. Where there is much to go
 * through it is taken for granted.
 */
export async function hasContent(root: string): Promise<boolean> {
  const enough = 1000
  let seen = 0
  const folders: Buffer[] = [Buffer.from(root)]
  try {
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for await (const { name, isFolder } of walk(folder)) {
        if ((seen += 1) > enough) return true
        const inner = below(folder, name)
        if (isFolder) folders.push(inner)
        else if (((await look(inner))?.size ?? 0) > 0) return true
      }
    }
    return false
  } catch (thrown) {
    return codeOf(thrown) !== 'ENOENT'
  }
}

const walk = (folder: Buffer) => entriesOf(fs, folder)

async function look(path: Buffer): Promise<Stats | undefined> {
  try {
    return await fs.lstat(path)
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}

function blocksOf(found: Stats | undefined): number {
  return (found?.blocks ?? 0) * blockBytes
}
