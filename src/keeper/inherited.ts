import { closeSync, readFileSync, readdirSync } from 'node:fs'

/** As fdinfo has it (Linux). */
const closesOnExec = 0o2000000

/**
 * Closes what whoever started the gateway left open: every server would inherit it, and through a
 * folder of outside it gets out of any sandbox. Node itself sees to it only up to the first gap
 * above 15; what Node has opened is marked, and stays.
 */
export function closeInherited(): void {
  for (const fd of numbersIn('/proc/self/fd')) {
    if (fd <= 2 || isMarked(fd)) continue
    try {
      closeSync(fd)
    } catch {
      // It was the one that the folder was listed with.
    }
  }
}

function isMarked(fd: number): boolean {
  try {
    const [, flags = ''] =
      /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
    return (parseInt(flags, 8) & closesOnExec) !== 0
  } catch {
    return true
  }
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number)
  } catch {
    // Only Linux has it.
    return []
  }
}
