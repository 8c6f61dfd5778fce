import { messageOf } from '../../ground/errors.ts'

/** What is asked of a disk; the functions of `node:fs/promises`. */
export type Disk = Pick<
  typeof import('node:fs/promises'),
  'chmod' | 'lstat' | 'mkdir' | 'opendir' | 'rename' | 'rmdir' | 'unlink'
>

export interface FolderEntry {
  /** In bytes: names need not be UTF-8. */
  name: Buffer
  isFolder: boolean
}

/** One after the other, because there may be any number. */
export async function* entriesOf(
  disk: Pick<Disk, 'opendir' | 'lstat'>,
  folder: Buffer,
): AsyncGenerator<FolderEntry> {
  // Node takes and gives bytes here, and its types do not know.
  const options = { encoding: 'buffer' as BufferEncoding }
  for await (const entry of await disk.opendir(folder, options)) {
    const name = entry.name as unknown as Buffer
    const isKnown = entry.isDirectory() || entry.isFile() || entry.isSymbolicLink()
    yield {
      name,
      // Not every file system says what stands there.
      isFolder: isKnown
        ? entry.isDirectory()
        : (await disk.lstat(below(folder, name))).isDirectory(),
    }
  }
}

/** At the same time: it makes the most of a disk, and leaves room in between for others. */
const batchSize = 16

/** The same, so many at once. */
export async function* batchesOf(
  disk: Pick<Disk, 'opendir' | 'lstat'>,
  folder: Buffer,
): AsyncGenerator<FolderEntry[]> {
  let batch: FolderEntry[] = []
  for await (const entry of entriesOf(disk, folder)) {
    batch.push(entry)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

export function below(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name])
}

export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : messageOf(thrown)
}

/** @returns false where it failed for one of these reasons */
export async function unless(codes: readonly string[], work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (thrown) {
    if (codes.includes(codeOf(thrown))) return false
    throw thrown
  }
}

/** A folder can be read, moved and emptied only by who may write in it, were it our own. */
export async function openUp(disk: Pick<Disk, 'lstat' | 'chmod'>, path: Buffer): Promise<void> {
  const found = await disk.lstat(path)
  if (found.isDirectory() && (found.mode & 0o700) !== 0o700) await disk.chmod(path, 0o700)
}
