import { randomBytes } from 'node:crypto'

import type { Disk } from './entries.ts'
import { batchesOf, below, codeOf, entriesOf, openUp, unless } from './entries.ts'

/** Going through a folder once to remove all that is in it, and what has come of that. */
export interface Round {
  removed: number
  /** Names in the folder of what could not be removed, and why the first of it could not. */
  stuck: string[]
  why: string | undefined
}

/** A folder in which so much cannot be removed is left for the next try. */
const failuresPerFolder = 100

/**
 * Every folder inside of one is moved out beside it first. So no path is ever longer than two names,
 * however deep the tree is; and what something is mounted on is never entered: it cannot be moved.
 *
 * @param isOver asked before each step, which takes so many entries
 * @param skipped names in the folder of what is not tried
 */
export async function emptyOnce(
  disk: Disk,
  folder: Buffer,
  isOver: (entries: number) => boolean,
  skipped: ReadonlySet<string>,
): Promise<Round> {
  const round: Round = { removed: 0, stuck: [], why: undefined }
  let failures = 0

  const fails = (thrown: unknown): void => {
    const why = codeOf(thrown)
    // Somebody else was faster.
    if (why === 'ENOENT') return
    failures += 1
    round.why ??= why
  }

  async function remove(path: Buffer, isFolder: boolean): Promise<void> {
    if (!isFolder) {
      await disk.unlink(path)
    } else if (!(await unless(['ENOTEMPTY', 'EEXIST', 'EACCES'], disk.rmdir(path)))) {
      await openUp(disk, path)
      await disk.rename(path, freshIn(folder))
    }
    round.removed += 1
  }

  async function removeAllIn(inner: Buffer): Promise<void> {
    await openUp(disk, inner)
    const before = failures
    for await (const batch of batchesOf(disk, inner)) {
      if (isOver(batch.length) || failures - before > failuresPerFolder) return
      const removing = batch.map(({ name, isFolder }) =>
        remove(below(inner, name), isFolder).catch(fails),
      )
      await Promise.all(removing)
    }
    if (failures > before) return
    await disk.rmdir(inner)
    round.removed += 1
  }

  async function removeAll(): Promise<void> {
    for await (const { name, isFolder } of entriesOf(disk, folder)) {
      if (isOver(1)) return
      if (skipped.has(name.toString())) continue
      const path = below(folder, name)
      const before = failures
      await (isFolder ? removeAllIn(path) : remove(path, false)).catch(fails)
      if (failures > before) round.stuck.push(name.toString())
    }
  }

  await removeAll().catch((thrown: unknown) => {
    fails(thrown)
    if (round.why !== undefined) round.stuck.push('.')
  })
  return round
}

/** A name that nothing else has. */
export function freshIn(folder: Buffer): Buffer {
  return below(folder, Buffer.from(randomBytes(8).toString('hex')))
}
