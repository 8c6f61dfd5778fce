import { execFile } from 'node:child_process'

import { messageOf } from '../../../ground/errors.ts'

export type Outcome = 'stopped' | 'got-through' | 'not-tried'

/** `how`: what stopped it, or what it got, in bytes and names; never a secret that was read. */
export interface Tried {
  outcome: Outcome
  how: string
}

/** What an attempt goes after: a path, a pid, a port, a number, or several of them. */
export type Target = string | number | readonly (string | number)[]

/**
 * One way of trying to get out. It leaves nothing behind and damages nothing when it gets through,
 * not even as root without any wall: it opens for writing and writes nothing, asks the kernel with
 * arguments that the kernel must refuse in the end, and does in a child what would last.
 */
export interface BreakOut {
  /** One sentence, for the table. */
  about: string
  /** What the target is; null when there is none. */
  target: string | null
  /** It has answered by then, or counts as stopped. */
  limitMs: number
  /** Never rejects because it was refused. */
  attempt: (target: Target | undefined) => Promise<Tried>
}

export const stopped = (how: string): Tried => ({ outcome: 'stopped', how })
export const gotThrough = (how: string): Tried => ({ outcome: 'got-through', how })
export const notTried = (how: string): Tried => ({ outcome: 'not-tried', how })

/** `EACCES reading /etc/shadow` */
export const refusedBy = (error: unknown, doing: string): Tried =>
  stopped(`${codeOf(error)} ${doing}`)

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error)
}

const shownAtMost = 6

/** All of them one after the other; one that gets through is enough. */
export async function eachOf<T>(
  targets: readonly T[],
  attempt: (target: T) => Promise<Tried>,
): Promise<Tried> {
  const tried: Tried[] = []
  for (const target of targets) tried.push(await attempt(target))
  const best = (['got-through', 'stopped', 'not-tried'] as const)
    .map((outcome) => tried.filter((one) => one.outcome === outcome))
    .find((some) => some.length > 0)
  if (best?.[0] === undefined) return notTried('It was given no target.')
  const shown = best.slice(0, shownAtMost).map(({ how }) => how)
  if (best.length > shownAtMost) shown.push(`and ${best.length - shownAtMost} more`)
  return { outcome: best[0].outcome, how: shown.join('; ') }
}

/** The target as paths. */
export function pathsOf(target: Target | undefined): string[] {
  return listOf(target).filter((one) => typeof one === 'string' && one !== '') as string[]
}

/** The target as numbers; `8080` may come as text. */
export function numbersOf(target: Target | undefined): number[] {
  return listOf(target).map(Number).filter(Number.isSafeInteger)
}

export function listOf(target: Target | undefined): readonly (string | number)[] {
  if (target === undefined) return []
  return typeof target === 'object' ? target : [target]
}

/** For what only Linux has. */
export function onLinux(attempt: BreakOut['attempt']): BreakOut['attempt'] {
  return (target) =>
    process.platform === 'linux'
      ? attempt(target)
      : Promise.resolve(notTried(`${process.platform} has no such thing.`))
}

/** How a small program ended; `missing` when it is not installed. */
export interface Ran {
  missing: boolean
  ok: boolean
  stdout: string
  /** Its last words, or what kept it from starting. */
  why: string
}

const programLimitMs = 10_000

/** Runs a program to its end; one that takes too long is killed. */
export function run(command: string, args: string[]): Promise<Ran> {
  const { PATH = '' } = process.env
  // Some of these are for administrators, and not everybody has their folders in PATH.
  const env = { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' }
  const options = { timeout: programLimitMs, killSignal: 'SIGKILL', env } as const
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      // mount adds a line about where there may be more to read.
      const words = stderr.split('\n').filter((line) => line.trim() !== '' && !/dmesg/.test(line))
      const lastWords = words.at(-1) ?? ''
      resolve({
        missing: error?.code === 'ENOENT',
        ok: error === null,
        stdout: stdout.trim(),
        why: lastWords || (error?.signal ? `killed by ${error.signal}` : String(error?.code)),
      })
    })
  })
}
