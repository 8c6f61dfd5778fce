import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** Which calls fail: some in a row, from one on, with what a disk fails with. */
export interface DiskFault {
  code: 'EIO' | 'ENOSPC' | 'EACCES' | 'EMFILE' | 'EROFS' | 'ENOENT'
  /** The first is 0. */
  from: number
  count: number
  /** Only calls that have this in one of their paths. */
  below: string
}

export interface FailingDisk {
  fail(fault: DiskFault): void
  mend(): void
  /** How many calls there were since `fail`, whether they failed or not. */
  calls(): number
}

const names = [
  ...['access', 'appendFile', 'chmod', 'chown', 'copyFile', 'cp', 'link', 'lstat', 'mkdir'],
  ...['mkdtemp', 'open', 'opendir', 'readFile', 'readdir', 'readlink', 'realpath', 'rename', 'rm'],
  ...['rmdir', 'stat', 'statfs', 'symlink', 'truncate', 'unlink', 'utimes', 'writeFile'],
] as const

const isText = (word: unknown): word is string => typeof word === 'string'

type Callable = (...words: unknown[]) => unknown

/**
 * Makes the disk of this process one that can fail: everything in `node:fs` that takes a path. Only
 * what is imported later, or reads `fs.NAME` when it calls, meets it; named imports do.
 */
export function createFailingDisk(): FailingDisk {
  let fault: DiskFault | undefined
  let calls = 0

  const failureOf = (name: string, words: readonly unknown[]): Error | undefined => {
    if (fault === undefined) return undefined
    const { below, from, count, code } = fault
    const path = words.filter(isText).find((word) => word.includes(below))
    if (path === undefined) return undefined
    const at = calls
    calls += 1
    if (at < from || at >= from + count) return undefined
    const message = `${code}: as the fuzzer has it, ${name} '${path}'`
    return Object.assign(new Error(message), { code, errno: -1, syscall: name, path })
  }

  const patch = (
    holder: Record<string, Callable>,
    name: string,
    fail: (error: Error, words: unknown[]) => unknown,
  ): void => {
    const original = holder[name]
    if (original === undefined) return
    const patched: Callable = function (this: unknown, ...words) {
      const error = failureOf(name, words)
      return error === undefined ? original.apply(this, words) : fail(error, words)
    }
    // `realpath.native` and its like.
    holder[name] = Object.assign(patched, original)
  }

  const all = fs as unknown as Record<string, Callable>
  const promised = fs.promises as unknown as Record<string, Callable>
  for (const name of names) {
    patch(promised, name, (error) => Promise.reject(error))
    patch(all, `${name}Sync`, (error) => {
      throw error
    })
    patch(all, name, (error, words) => {
      const callback = words.findLast((word) => typeof word === 'function') as Callable | undefined
      process.nextTick(() => callback?.(error))
    })
  }
  syncBuiltinESMExports()

  return {
    fail(next) {
      fault = next
      calls = 0
    },
    mend: () => (fault = undefined),
    calls: () => calls,
  }
}
