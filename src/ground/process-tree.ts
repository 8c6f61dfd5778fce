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
export const namespaceTree: Tree = treeOf((all) =>
  all.filter(({ pid }) => pid !== 1 && pid !== process.pid),
)

/** A worker's server and all that it starts have it in their environment. */
export const workerMark = (workerId: string): string => `${workerIdVariable}=${workerId}`

/**
 * What carries a mark in its environment, and what descends from that.
 *
 * @param mark as `NAME=value`; a daemon that got away from its parents still has it
 * @param ancestors what descends from these belongs to it, too
 */
export function markedTree(mark: string, ancestors: number[] = []): Tree {
  return treeOf((all) => {
    const marked = all.filter(({ carries }) => carries(mark))
    const pids = marked.map(({ pid }) => pid)
    return [...marked, ...descendantsOf(all, [...pids, ...ancestors])]
  })
}

/** What descends from these, without them. */
function descendantsOf(all: ProcessEntry[], ancestors: number[]): ProcessEntry[] {
  const pids = new Set(ancestors)
  const found: ProcessEntry[] = []
  for (let grew = true; grew;) {
    grew = false
    for (const entry of all) {
      if (pids.has(entry.pid) || !pids.has(entry.parent)) continue
      found.push(entry)
      pids.add(entry.pid)
      grew = true
    }
  }
  return found
}

/** Nothing: what was never started, or has gone. */
export const noTree: Tree = { pids: () => [], kill: () => Promise.resolve() }

/**
 * Everything in the PID namespace that this process leads, without itself, seen from outside: what
 * is orphaned there becomes its child. It takes the time of these few processes, and not of all.
 */
export function treeBelow(pid: number): number[] {
  const found: number[] = []
  for (let parents = [pid]; parents.length > 0;) {
    parents = parents.flatMap(childrenOf)
    found.push(...parents)
  }
  return found.filter((each) => startTimeOf(each) !== undefined)
}

/** The child that a process has had for longest: those that it has inherited come after its own. */
export const firstChildOf = (pid: number): number | undefined => childrenOf(pid)[0]

/** Of all its threads; none where the kernel does not tell. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')
        .split(' ')
        .filter((child) => child !== '')
        .map(Number),
    )
  } catch {
    return [] // it has ended
  }
}

const killRounds = 50
const killPauseMs = 10

function treeOf(belonging: (all: ProcessEntry[]) => ProcessEntry[]): Tree {
  return {
    pids: () => belonging(processes()).map(({ pid }) => pid),
    async kill() {
      // A process that is about to end shows no environment any more.
      const killed = new Set<number>()
      for (let round = 0; round < killRounds; round += 1) {
        const all = processes()
        for (const { pid } of belonging(all)) {
          killed.add(pid)
          try {
            process.kill(pid, 'SIGKILL')
          } catch {
            // It ended by itself since it was listed.
          }
        }
        if (!all.some(({ pid }) => killed.has(pid))) return
        await new Promise((resolve) => setTimeout(resolve, killPauseMs))
      }
    },
  }
}

interface ProcessEntry {
  pid: number
  parent: number
  /** Whether the environment that it was started with has this `NAME=value`. */
  carries(mark: string): boolean
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
    const [state, parent] = statFieldsOf(pid) ?? []
    // It ended while we looked, or waits to be reaped.
    if (state === undefined || state === 'Z' || state === 'X') continue
    found.push({ pid, parent: Number(parent), carries: (mark) => environOf(pid).includes(mark) })
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
    const carries = (mark: string): boolean => words.includes(` ${mark}`)
    return [{ pid: Number(pid), parent: Number(parent), carries }]
  })
}

/** Undefined where there is none, or more than one. */
export function onlyChildOf(pid: number): number | undefined {
  try {
    const [child, ...others] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .trim()
      .split(' ')
    return others.length > 0 || child === undefined || child === '' ? undefined : Number(child)
  } catch {
    return undefined
  }
}

/** The fields of proc(5) from the third, `state`, on; undefined when it is gone, or without /proc. */
export function statFieldsOf(pid: number | 'self'): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command stands in parentheses and may hold any character; state and parent follow it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/**
 * When a process was started, in the system's own words; undefined when there is none (or a zombie).
 * With the pid it names a process for good: pids are used again, and so are the numbers of namespaces.
 */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startTimeByPs(pid)
  const fields = statFieldsOf(pid)
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function startTimeByPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return line.trim() === '' ? undefined : line.trim()
  } catch {
    return undefined
  }
}
