import { readFileSync } from 'node:fs'

/** When a process started, as field 22 of /proc/PID/stat has it. */
export function startOf(pid: number): string | undefined {
  return fieldsOf(pid)[19]
}

/** `PID:START`, which names a process for good; undefined when it is gone, or there is no /proc. */
export function nameOf(pid: number | undefined): string | undefined {
  const start = pid === undefined ? undefined : startOf(pid)
  return start === undefined ? undefined : `${pid ?? ''}:${start}`
}

function fieldsOf(pid: number): string[] {
  const text = read(`/proc/${pid}/stat`)
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** Those above a process, its parent first. */
export function ancestorsOf(pid: number): number[] {
  const parent = Number(fieldsOf(pid)[1] ?? 0)
  return parent > 0 ? [parent, ...ancestorsOf(parent)] : []
}

/** A process and everything below it. */
export function treeOf(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)
  const below = children.split(' ').filter(Boolean).map(Number)
  return [pid, ...below.flatMap(treeOf)]
}

export const commandOf = (pid: number): string => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')

/** Memory that these processes take, each page shared out among those that have it; 0 elsewhere. */
export function memoryOf(pids: readonly number[]): number {
  const kib = pids.map((pid) =>
    Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0),
  )
  return kib.reduce((total, one) => total + one, 0) * 1024
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // It has just ended, or this is not Linux.
    return ''
  }
}
