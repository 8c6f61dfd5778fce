import { join } from 'node:path'

import { codeOf, readKey, readNumber, readText, tryWrite, writeText } from './cgroup-files.ts'
import type { Limits, Usage } from '../driver.ts'

/** What a version of cgroups calls things. */
export interface Dialect {
  /** What of it is of use here. */
  controllers: string[]
  /**
   * Writes those limits into a new group that `controllers` can enforce.
   *
   * @throws the error of the system
   */
  limit(dir: string, controllers: ReadonlySet<string>, limits: Limits): void
  usage(dir: string, controllers: ReadonlySet<string>): Usage
  /** Where the kernel counts, as `oom_kill`, what it has killed for want of memory. */
  oomFile: string
  throttled(dir: string): number
}

/**
 * How often a worker's share of the cores is dealt out. The kernel's own 100 ms would let a greedy
 * one run for so long at a stretch that its neighbours notice; of a small share too little is left.
 */
const periodOf = (cpus: number): number => (cpus < 0.1 ? 100_000 : 10_000)
/** The kernel refuses less. */
const minQuotaUs = 1000

const quotaUs = (cpus: number): number => Math.max(minQuotaUs, Math.round(cpus * periodOf(cpus)))

/** Of what it may have it gets less where others want it, too: never more than the gateway. */
const weightOf = (cpus: number, whole: number): string =>
  String(Math.max(2, Math.round(Math.min(cpus, 1) * whole)))

const wholeMs = (value: number | undefined, perMs: number): number | undefined =>
  value === undefined ? undefined : Math.round(value / perMs)

/** @see https://docs.kernel.org/admin-guide/cgroup-v1/index.html */
export const v1: Dialect = {
  // Not blkio: it counts neither what the kernel writes later for a process nor, since 5.16,
  // anything in a group without a throttle.
  controllers: ['memory', 'cpu', 'cpuacct', 'pids'],

  limit(dir, controllers, { memoryBytes, cpus, pids }) {
    if (controllers.has('memory') && memoryBytes !== undefined) {
      writeText(join(dir, 'memory.limit_in_bytes'), String(memoryBytes))
      // Memory and swap together, so that nothing is swapped out instead. Not every kernel has it.
      tryWrite(join(dir, 'memory.memsw.limit_in_bytes'), String(memoryBytes))
    }
    if (controllers.has('cpu') && cpus !== undefined) {
      try {
        tryWrite(join(dir, 'cpu.shares'), weightOf(cpus, 1024))
        writeText(join(dir, 'cpu.cfs_period_us'), String(periodOf(cpus)))
        writeText(join(dir, 'cpu.cfs_quota_us'), String(quotaUs(cpus)))
      } catch (thrown) {
        // Refused where a group above allows less already, and so enforces this one.
        if (codeOf(thrown) !== 'EINVAL') throw thrown
      }
    }
    if (controllers.has('pids') && pids !== undefined) {
      writeText(join(dir, 'pids.max'), String(pids))
    }
  },

  usage: (dir, controllers) => ({
    ...(controllers.has('cpuacct') &&
      known('cpuMs', wholeMs(readNumber(join(dir, 'cpuacct.usage')), 1e6))),
    ...(controllers.has('memory') &&
      known('peakMemoryBytes', readNumber(join(dir, 'memory.max_usage_in_bytes')))),
  }),

  oomFile: 'memory.oom_control',
  throttled: (dir) => readKey(join(dir, 'cpu.stat'), 'nr_throttled') ?? 0,
}

/** @see https://docs.kernel.org/admin-guide/cgroup-v2.html */
export const v2: Dialect = {
  controllers: ['memory', 'cpu', 'pids', 'io'],

  limit(dir, controllers, { memoryBytes, cpus, pids }) {
    if (controllers.has('memory') && memoryBytes !== undefined) {
      writeText(join(dir, 'memory.max'), String(memoryBytes))
      tryWrite(join(dir, 'memory.swap.max'), '0')
      // A server that has lost one of its processes is of no use: the whole worker ends.
      tryWrite(join(dir, 'memory.oom.group'), '1')
    }
    if (controllers.has('cpu') && cpus !== undefined) {
      tryWrite(join(dir, 'cpu.weight'), weightOf(cpus, 100))
      writeText(join(dir, 'cpu.max'), `${quotaUs(cpus)} ${periodOf(cpus)}`)
    }
    if (controllers.has('pids') && pids !== undefined) {
      writeText(join(dir, 'pids.max'), String(pids))
    }
  },

  usage: (dir) => ({
    ...known('cpuMs', wholeMs(readKey(join(dir, 'cpu.stat'), 'usage_usec'), 1000)),
    ...known('peakMemoryBytes', readNumber(join(dir, 'memory.peak'))),
    ...known('writtenBytes', writtenBytes(readText(join(dir, 'io.stat')))),
  }),

  oomFile: 'memory.events',
  throttled: (dir) => readKey(join(dir, 'cpu.stat'), 'nr_throttled') ?? 0,
}

/** `8:0 rbytes=1 wbytes=2 …`, a line for each device. */
function writtenBytes(ioStat: string | undefined): number | undefined {
  if (ioStat === undefined) return undefined
  return [...ioStat.matchAll(/\bwbytes=(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0)
}

function known(field: keyof Usage, value: number | undefined): Usage {
  return value === undefined ? {} : { [field]: value }
}
