import { randomBytes } from 'node:crypto'
import { constants, rmSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { access, open, readdir, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

import type { Target, Tried } from './attempt.ts'
import { codeOf, eachOf, gotThrough, pathsOf, refusedBy, stopped } from './attempt.ts'

const readMaxBytes = 64 * 1024
const filesAtMost = 50

// A pipe without a writer would block for ever.
const forReading = constants.O_RDONLY | constants.O_NONBLOCK
const forWriting = constants.O_WRONLY | constants.O_NONBLOCK

/** A file without a name: nothing is ever seen in the folder. Node has no constant for it. */
const unnamedFile = constants.O_WRONLY | constants.O_DIRECTORY | 0o20000000

/** Reads files, and the files of folders. What is empty counts as hidden: that is how masks look. */
export function readPaths(target: Target | undefined): Promise<Tried> {
  return eachOf(pathsOf(target), async (path) => {
    const found = await stat(path).catch(codeOf)
    if (typeof found === 'string') return stopped(`${found} looking at ${path}`)
    return found.isDirectory() ? readFolder(path) : readOne(path)
  })
}

async function readFolder(folder: string): Promise<Tried> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    return refusedBy(error, `listing ${folder}`)
  }
  if (names.length === 0) return stopped(`${folder} is empty here`)
  let files = 0
  let bytes = 0
  for (const name of names.slice(0, filesAtMost)) {
    const read = await bytesOf(join(folder, name)).catch(() => 0)
    if (read > 0) files += 1
    bytes += read
  }
  return gotThrough(`listed ${names.length} names in ${folder}, read ${bytes} B of ${files} files`)
}

async function readOne(path: string): Promise<Tried> {
  try {
    const bytes = await bytesOf(path)
    return bytes === 0 ? stopped(`${path} is empty here`) : gotThrough(`read ${bytes} B of ${path}`)
  } catch (error) {
    return refusedBy(error, `reading ${path}`)
  }
}

/** How many bytes can be read of a regular file, of any other 0. */
async function bytesOf(path: string): Promise<number> {
  const file = await open(path, forReading)
  try {
    if (!(await file.stat()).isFile()) return 0
    const { bytesRead } = await file.read(Buffer.alloc(readMaxBytes), 0, readMaxBytes, 0)
    return bytesRead
  } finally {
    await file.close()
  }
}

/** Opens files for writing and writes nothing; makes a file in folders that is gone at once. */
export function writePaths(target: Target | undefined): Promise<Tried> {
  return eachOf(pathsOf(target), async (path) => {
    let found: Stats
    try {
      found = await stat(path)
    } catch (error) {
      return refusedBy(error, `looking at ${path}`)
    }
    return found.isDirectory() ? writeFolder(path) : openForWriting(path)
  })
}

export async function openForWriting(path: string): Promise<Tried> {
  try {
    // Neither created nor emptied.
    await (await open(path, forWriting)).close()
  } catch (error) {
    if (codeOf(error) !== 'ETXTBSY') return refusedBy(error, `opening ${path} for writing`)
    // It runs just now, which the kernel says before it asks whether the mount is read-only.
    try {
      await access(path, constants.W_OK)
    } catch (refusal) {
      return refusedBy(refusal, `opening ${path} for writing`)
    }
  }
  return gotThrough(`could open ${path} for writing`)
}

async function writeFolder(folder: string): Promise<Tried> {
  try {
    await (await open(folder, unnamedFile, 0o600)).close()
  } catch (error) {
    // Not every file system knows them, and macOS does not at all.
    if (!['EOPNOTSUPP', 'EISDIR', 'EINVAL', 'ENOENT'].includes(codeOf(error))) {
      return refusedBy(error, `making a file in ${folder}`)
    }
    return makeAndRemove(folder)
  }
  return gotThrough(`could make a file in ${folder}`)
}

async function makeAndRemove(folder: string): Promise<Tried> {
  const path = join(folder, `.probe-${randomBytes(6).toString('hex')}`)
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    return refusedBy(error, `making a file in ${folder}`)
  }
  await rm(path, { force: true })
  return gotThrough(`could make a file in ${folder}`)
}

/** What a system has everywhere, by folder and by file. */
const systemPaths = ['/usr', '/usr/bin', '/usr/bin/env', '/etc', '/etc/passwd']

export function writeSystem(target: Target | undefined): Promise<Tried> {
  return writePaths(target ?? systemPaths)
}

/** What only root may read of a system. */
const systemSecrets = ['/etc/shadow', '/etc/gshadow', '/etc/sudoers']

export function readSystem(target: Target | undefined): Promise<Tried> {
  return readPaths(target ?? systemSecrets)
}

/**
 * Makes files that stay for as long as this process, so that others can look for them: only
 * outside it shows whether what was written got there.
 */
export function writeShared(target: Target | undefined): Promise<Tried> {
  return eachOf(pathsOf(target), async (path) => {
    try {
      await (await open(path, 'wx', 0o644)).close()
    } catch (error) {
      return refusedBy(error, `making ${path}`)
    }
    process.once('exit', () => rmSync(path, { force: true }))
    return gotThrough(`made ${path}, which stays until the end of the session`)
  })
}

const homeSecrets = [
  '.ssh',
  '.aws',
  '.gnupg',
  '.kube',
  '.docker/config.json',
  '.config/gcloud',
  '.config/gh',
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.git-credentials',
  '.bash_history',
]

/** Opens what people keep in their home and reads nothing of it: their keys are none of ours. */
export function readHome(target: Target | undefined): Promise<Tried> {
  const paths = target === undefined ? homeSecrets.map((one) => join(homedir(), one)) : target
  return eachOf(pathsOf(paths), async (path) => {
    try {
      const file = await open(path, forReading)
      try {
        const found = await file.stat()
        if (!found.isDirectory()) return sized(path, found.size, 'B')
      } finally {
        await file.close()
      }
      return sized(path, (await readdir(path)).length, 'names')
    } catch (error) {
      return refusedBy(error, `opening ${path}`)
    }
  })
}

function sized(path: string, size: number, unit: string): Tried {
  return size === 0 ? stopped(`${path} is empty here`) : gotThrough(`${path}: ${size} ${unit}`)
}
