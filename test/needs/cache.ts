import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

const unfinishedForMs = 60 * 60_000
const building = new Set<string>()

/** The project's cache folder, or the one that $BERTH_TEST_CACHE names. */
export function cacheDirOf(projectDir: string, env: NodeJS.ProcessEnv): string {
  return resolve(env['BERTH_TEST_CACHE'] ?? join(projectDir, '.cache'))
}

/**
 * Builds a folder under a name of its own and then gives it its real one, so that nobody ever
 * meets half a folder. Where several build the same at once, the first one done wins and the
 * others' work is thrown away. A folder that is there but is not `good` is replaced.
 */
export async function publish(
  folder: string,
  good: () => Promise<boolean>,
  build: (unfinished: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  await sweepUnfinished(folder)
  const unfinished = `${folder}.tmp-${randomBytes(4).toString('hex')}`
  building.add(unfinished)
  try {
    await mkdir(unfinished)
    await build(unfinished)
    if (await good()) return
    if (existsSync(folder)) await rename(folder, `${unfinished}-old`).catch(missingIsFine)
    await rename(unfinished, folder).catch(async (error: unknown) => {
      if (!(await good())) throw error
    })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
    await rm(`${unfinished}-old`, { recursive: true, force: true })
    building.delete(unfinished)
  }
}

/** Lends a folder in the cache to `work`, and removes it afterwards. */
export async function withScratch<T>(
  cacheDir: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = join(cacheDir, `scratch.tmp-${randomBytes(4).toString('hex')}`)
  await mkdir(cacheDir, { recursive: true })
  await sweepUnfinished(join(cacheDir, 'scratch'))
  building.add(folder)
  try {
    await mkdir(folder)
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
    building.delete(folder)
  }
}

/** What `writeStamp` wrote, or undefined where it has not, or not all of it. */
export function readStamp(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Writes a small JSON file that others may read or write at the same time. */
export async function writeStamp(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const unfinished = `${file}.tmp-${randomBytes(4).toString('hex')}`
  await writeFile(unfinished, JSON.stringify(value, null, 2))
  await rename(unfinished, file)
}

/** Folders that a run left unfinished because it was killed. */
async function sweepUnfinished(folder: string): Promise<void> {
  const prefix = `${basename(folder)}.tmp-`
  for (const name of await readdir(dirname(folder))) {
    if (!name.startsWith(prefix)) continue
    const path = join(dirname(folder), name)
    const changedMs = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    )
    if (Date.now() - changedMs > unfinishedForMs) await rm(path, { recursive: true, force: true })
  }
}

function missingIsFine(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

process.once('exit', () => {
  for (const unfinished of building) rmSync(unfinished, { recursive: true, force: true })
})
