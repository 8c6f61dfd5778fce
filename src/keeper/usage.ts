import { readFileSync } from 'node:fs'

import type { Usage } from './protocol.ts'
import { statFieldsOf } from '../ground/process-tree.ts'

/** What the processes of a worker have used, as far as /proc tells. */
export interface UsageMeter {
  /** Looks now. */
  look(): Usage
  /** What was seen last, with the processor time that is known exactly once all have ended. */
  atEnd(): Usage
}

const ticksPerSecond = 100

/** @param reaped processor time of those of its processes that have ended */
export function createUsageMeter(
  pids: () => number[],
  reaped: () => number = reapedHere,
): UsageMeter {
  const atStart = reaped()
  let seen: Usage = {}

  return {
    look() {
      const now = pids().flatMap((pid) => statusOf(pid) ?? [])
      if (now.length === 0) return seen
      const sum = (of: (status: Status) => number): number =>
        now.reduce((total, status) => total + of(status), 0)
      seen = {
        cpuMs: Math.max(seen.cpuMs ?? 0, sum(({ cpuMs }) => cpuMs) + reaped() - atStart),
        peakMemoryBytes: Math.max(
          seen.peakMemoryBytes ?? 0,
          sum(({ peakBytes }) => peakBytes),
        ),
        processes: Math.max(seen.processes ?? 0, now.length),
        writtenBytes: Math.max(
          seen.writtenBytes ?? 0,
          sum(({ writtenBytes }) => writtenBytes),
        ),
      }
      return seen
    },
    atEnd: () => ({ ...seen, cpuMs: Math.max(seen.cpuMs ?? 0, reaped() - atStart) }),
  }
}

/** Processor time of the children of this process that have ended, and of theirs. */
export const reapedHere = (): number => reapedBy('self') ?? 0

/** Undefined when it is gone. */
export function reapedBy(pid: number | 'self'): number | undefined {
  const fields = statFieldsOf(pid)
  return fields === undefined ? undefined : inMs(fields, 13)
}

interface Status {
  cpuMs: number
  peakBytes: number
  writtenBytes: number
}

function statusOf(pid: number): Status | undefined {
  const fields = statFieldsOf(pid)
  if (fields === undefined) return undefined
  const peakKib = numberIn(`/proc/${pid}/status`, /^VmHWM:\s*(\d+) kB/m)
  return {
    cpuMs: inMs(fields, 11) + inMs(fields, 13),
    peakBytes: peakKib * 1024,
    writtenBytes: numberIn(`/proc/${pid}/io`, /^write_bytes: (\d+)/m),
  }
}

/** Whether the kernel has killed something for want of memory. The file goes with its group. */
export function hasKilled(oomFile: string | undefined): boolean {
  return oomFile !== undefined && numberIn(oomFile, /^oom_kill (\d+)$/m) > 0
}

/** User and system time stand side by side, in clock ticks. */
function inMs(fields: string[], at: number): number {
  const ticks = Number(fields[at] ?? 0) + Number(fields[at + 1] ?? 0)
  return (ticks * 1000) / ticksPerSecond
}

function numberIn(file: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(file, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0 // gone, or not ours to read
  }
}
