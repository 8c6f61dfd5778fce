import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Processor time that a process has used in all its threads, in microseconds. */
export function cpuUs(pid: number): number {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])
  }
  return ns / 1000
}

/** A process and everything below it, parents first. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

/** A word at the end of a worker's command, by which it is told from what stands around it. */
export const workerMark = 'a-worker-of-the-bench'

/** The workers below a process. */
export function workersBelow(pid: number): number[] {
  const marked = new Set(treeOf(pid).filter((each) => commandOf(each).includes(workerMark)))
  // What starts one may have its words in its own command.
  return [...marked].filter((each) => !childrenOf(each).some((child) => marked.has(child)))
}

/** A process and all below it that is there for the workers, without the workers themselves. */
export function besideWorkers(pid: number): number[] {
  const workers = new Set(workersBelow(pid).flatMap(treeOf))
  return treeOf(pid).filter((each) => !workers.has(each))
}

/** Processor time of several processes, and what of it fell between two readings. */
export type Reading = Map<number, number>

export function readCpu(pids: number[]): Reading {
  const reading: Reading = new Map()
  for (const pid of pids) {
    const us = unlessGone(() => cpuUs(pid))
    if (us !== undefined) reading.set(pid, us)
  }
  return reading
}

/** @returns undefined for a process that has ended meanwhile */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const isGone =
      error instanceof Error && 'code' in error && /ENOENT|ESRCH/.test(String(error.code))
    if (!isGone) throw error
    return undefined
  }
}

/** One that has come meanwhile counts whole; what one used that has gone is not known. */
export function usedUs(before: Reading, after: Reading): number {
  return sum([...after].map(([pid, us]) => us - (before.get(pid) ?? 0)))
}

export function childrenOf(pid: number): number[] {
  const listed = unlessGone(() =>
    readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' '),
    ),
  )
  return (listed ?? []).filter((text) => text !== '').map(Number)
}

/** Settles when a process and all below it have done next to nothing for a while. */
export async function calm(pid: number, signal: AbortSignal): Promise<void> {
  for (let quiet = 0, tries = 0; quiet < 2 && tries < 200; tries += 1) {
    const before = readCpu(treeOf(pid))
    await sleep(100, undefined, { signal })
    quiet = usedUs(before, readCpu(treeOf(pid))) < quietUs ? quiet + 1 : 0
  }
}

const quietUs = 4000

/** Memory of a process in KiB: its share, what is its own, and all that it has mapped in. */
export function memoryKib(pid: number): { pss: number; own: number; rss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  return {
    pss: field('Pss'),
    own: field('Private_Clean') + field('Private_Dirty'),
    rss: field('Rss'),
  }
}

export function commandOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
}

/** The value below which the given share of them lies; 0.5 is the median. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export function median(values: number[]): number {
  return quantile(values, 0.5)
}

/** The mean of the middle half, which one bad moment does not move, and one collection does. */
export function midmean(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const quarter = Math.floor(sorted.length / 4)
  const middle = sorted.slice(quarter, sorted.length - quarter)
  return sum(middle) / middle.length
}

export function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Numbers rounds from 0, until there were enough or the time is up, which it is not before three. */
export function* rounds(atMost: number, withinMs: number): Generator<number> {
  const untilMs = performance.now() + withinMs
  for (let round = 0; round < atMost && (round < 3 || performance.now() < untilMs); round += 1) {
    yield round
  }
}

/** The same in another order each round, so that nobody always comes first or behind the same. */
export function inTurn<T>(items: readonly T[], round: number): T[] {
  const from = round % items.length
  const rotated = [...items.slice(from), ...items.slice(0, from)]
  return Math.floor(round / items.length) % 2 === 0 ? rotated : rotated.reverse()
}
