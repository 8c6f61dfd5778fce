import { readFileSync, readdirSync } from 'node:fs'

/** The processes that a worker consists of, without its keeper. */
export interface Tree {
  /** Living processes, zombies left out. Empty where there is no /proc (macOS). */
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

/**
 * What carries the worker's id in its environment, and what descends from that.
 *
 * @param workerId as in `BERTH_WORKER_ID`; a daemon that got away from its parents still has it
 */
export function markedTree(workerId: string): Tree {
  return treeOf(() => {
    const all = processes()
    const found = new Set(all.filter(({ pid }) => carries(pid, workerId)).map(({ pid }) => pid))
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

/** Whether the environment that a process was started with names this worker. */
export function carries(pid: number, workerId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .includes(`${workerIdVariable}=${workerId}`)
  } catch {
    return false // gone, or another user's
  }
}

/** Every living process that /proc shows, zombies left out. */
export function processes(): { pid: number; parent: number }[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return []
  }
  const found: { pid: number; parent: number }[] = []
  for (const name of names) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The command stands in parentheses and may hold any character; state and parent follow it.
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state !== 'Z' && state !== 'X') found.push({ pid, parent: Number(parent) })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}
