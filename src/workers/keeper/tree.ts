import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** The processes that a worker consists of, without its keeper. */
export interface Tree {
  /** Living processes, zombies left out. */
  pids(): number[]
  /** Sends SIGKILL to all of them, again and again until none is left or it is hopeless. */
  kill(): Promise<void>
}

export const workerIdVariable = 'BERTH_WORKER_ID'

/** Everything in this PID namespace but its init and this process. */
export const namespaceTree: Tree = treeOf(() =>
  processes()
    .map(({ pid }) => pid)
    .filter((pid) => pid !== 1 && pid !== process.pid),
)

/** A worker's server and all that it starts have it in their environment. */
export const workerMark = (workerId: string): string => `${workerIdVariable}=${workerId}`

/**
 * What carries one of these marks in its environment, and what descends from that.
 *
 * @param marks as `NAME=value`; a daemon that got away from its parents still has it
 */
export function markedTree(...marks: string[]): Tree {
  return treeOf(() => {
    const all = processes()
    const found = new Set(all.filter(({ carries }) => carries(marks)).map(({ pid }) => pid))
    for (let grew = true; grew;) {
      grew = false
      for (const { pid, parent } of all) {
        if (found.has(pid) || !found.has(parent)) continue
        found.add(pid)
        grew = true
      }
    }
    return [...found]
  })
}

function treeOf(pids: () => number[]): Tree {
  return {
    pids,
    async kill() {
      for (let round = 0; round < 50; round += 1) {
        const alive = pids()
        if (alive.length === 0) return
        for (const pid of alive) {
          try {
            process.kill(pid, 'SIGKILL')
          } catch {
            // It ended by itself since it was listed.
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  }
}

interface ProcessEntry {
  pid: number
  parent: number
  /** Whether the environment that it was started with has one of these `NAME=value`. */
  carries(marks: string[]): boolean
}

/** Every living process that can be seen from here, zombies left out. */
function processes(): ProcessEntry[] {
  return process.platform === 'linux' ? fromProc() : fromPs()
}

function fromProc(): ProcessEntry[] {
  const found: ProcessEntry[] = []
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return [] // not mounted
  }
  for (const name of names) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The command stands in parentheses and may hold any character; state and parent follow it.
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state === 'Z' || state === 'X') continue
      const carries = (marks: string[]): boolean => {
        const environ = environOf(pid)
        return marks.some((mark) => environ.includes(mark))
      }
      found.push({ pid, parent: Number(parent), carries })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

function environOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return [] // gone, or another user's
  }
}

/** Where there is no /proc (macOS): -E adds the environment to the command, for our own processes. */
function fromPs(): ProcessEntry[] {
  const args = ['-axww', '-E', '-o', 'pid=,ppid=,stat=,command=']
  let table: string
  try {
    table = execFileSync('ps', args, { encoding: 'latin1', maxBuffer: 64 * 1024 * 1024 })
  } catch {
    return []
  }
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, state, words] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (words === undefined || state?.startsWith('Z') === true) return []
    const carries = (marks: string[]): boolean => marks.some((mark) => words.includes(` ${mark}`))
    return [{ pid: Number(pid), parent: Number(parent), carries }]
  })
}
