import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The text of a file; undefined when there is none or it may not be read. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** The number that a file consists of. */
export function readNumber(file: string): number | undefined {
  const text = readText(file)?.trim() ?? ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** The number behind `key` in a file of lines `key number`. */
export function readKey(file: string, key: string): number | undefined {
  const line = readText(file)
    ?.split('\n')
    .find((each) => each.startsWith(`${key} `))
  return line === undefined ? undefined : Number(line.slice(key.length + 1))
}

/** The words of a file. */
export function readWords(file: string): string[] {
  return (readText(file) ?? '').split(/\s+/).filter((word) => word !== '')
}

/**
 * Not with `recursive`: on a read-only file system, as in a container, that says ENOENT.
 *
 * @throws the error of the system
 */
export function makeFolder(dir: string): void {
  try {
    mkdirSync(dir)
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown
  }
}

/** @throws the error of the system: the kernel refuses a value in this way */
export function writeText(file: string, text: string): void {
  writeFileSync(file, text)
}

/** For files that not every kernel has. */
export function tryWrite(file: string, text: string): boolean {
  try {
    writeFileSync(file, text)
    return true
  } catch {
    return false
  }
}

export function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException | undefined)?.code ?? ''
}

/** The names of the groups in a group. */
export function groupsIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** The group and all below it, the deepest first: a worker that may make groups can have hidden there. */
export function treeOf(dir: string): string[] {
  return [...groupsIn(dir).flatMap((name) => treeOf(join(dir, name))), dir]
}

/**
 * The processes of a group and of all below it. The kernel shows those as 0 that our PID namespace
 * does not have; a signal to 0 would go to ourselves.
 */
export function pidsIn(dir: string): number[] {
  return treeOf(dir)
    .flatMap((each) => readWords(join(each, 'cgroup.procs')).map(Number))
    .filter((pid) => pid > 0)
}

/** Removes an empty group; true when there is none any more. */
export function removeGroup(dir: string): boolean {
  let isGone = true
  for (const each of treeOf(dir)) {
    try {
      rmdirSync(each)
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') isGone = false
    }
  }
  return isGone
}

/** Removes the folder of an installation after its last worker; never what another one has made. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Another worker has its groups in it, or somebody else was faster.
  }
}

/** The same for a group whose last process has only just ended. Blocks for at most 100 ms. */
export function removeGroupSoon(dir: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  for (let round = 0; round < 50 && !removeGroup(dir); round += 1) Atomics.wait(cell, 0, 0, 2)
}

/**
 * Sends SIGKILL to a process at a time. A process that has been sent it forks no more, so it is
 * done when a look shows nobody new.
 */
export function killOneByOne(dirs: string[]): void {
  const killed = new Set<number>([process.pid])
  for (let round = 0; round < 100; round += 1) {
    const fresh = dirs.flatMap(pidsIn).filter((pid) => !killed.has(pid))
    if (fresh.length === 0) return
    for (const pid of fresh) {
      killed.add(pid)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself since it was listed.
      }
    }
  }
}
