import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs'

import type { Target, Tried } from './attempt.ts'
import { codeOf, eachOf, gotThrough, listOf, notTried, refusedBy, run, stopped } from './attempt.ts'

/**
 * Looks at every process that is neither above nor below its own, or at those of the target. It
 * opens and reads nothing: the kernel decides when they are opened.
 */
export function lookAtProcesses(target: Target | undefined): Promise<Tried> {
  if (target !== undefined) return eachForeign(target, (pid) => lookAt([pid]))
  const parents = parentsOfAll()
  const own = new Set([...ancestorsOf(process.pid, parents), ...descendantsOf(parents)])
  return Promise.resolve(lookAt([...parents.keys()].filter((pid) => !own.has(pid))))
}

const looks: Record<string, (folder: string) => void> = {
  'command lines': (folder) => opened(`${folder}/cmdline`),
  environments: (folder) => opened(`${folder}/environ`),
  memories: (folder) => opened(`${folder}/mem`),
  maps: (folder) => opened(`${folder}/maps`),
  // Through it all that the process can see is seen, whatever this one's own root is.
  roots: (folder) => void readlinkSync(`${folder}/root`),
  'working directories': (folder) => void readlinkSync(`${folder}/cwd`),
}

function lookAt(pids: number[]): Tried {
  if (pids.length === 0) return stopped('no process but its own is in /proc')
  const seen: string[] = []
  let refusal = ''
  for (const [what, look] of Object.entries(looks)) {
    let count = 0
    for (const pid of pids) {
      try {
        look(`/proc/${pid}`)
        count += 1
      } catch (error) {
        refusal ||= `${codeOf(error)} at the ${what}`
      }
    }
    if (count > 0) seen.push(`${count} ${what}`)
  }
  const whose = pids.length === 1 ? `process ${pids[0] ?? ''}` : `${pids.length} processes`
  if (seen.length === 0) return stopped(`${refusal} of ${whose}`)
  return gotThrough(`of ${whose} of others: ${seen.join(', ')}`)
}

function opened(file: string): void {
  closeSync(openSync(file, 'r'))
}

const sampleBytes = 64

/** Reads the first bytes of what is mapped first, which is the program itself. */
export function readMemory(target: Target | undefined): Promise<Tried> {
  return eachForeign(target, (pid) => {
    try {
      const [from = ''] = readFileSync(`/proc/${pid}/maps`, 'latin1').split('-')
      if (from === '') return stopped(`process ${pid} has no memory`)
      const memory = openSync(`/proc/${pid}/mem`, 'r')
      try {
        const sample = Buffer.alloc(sampleBytes)
        const bytes = readSync(memory, sample, 0, sampleBytes, BigInt(`0x${from}`))
        return gotThrough(`read ${bytes} B of the memory of process ${pid}`)
      } finally {
        closeSync(memory)
      }
    } catch (error) {
      return refusedBy(error, `reading the memory of process ${pid}`)
    }
  })
}

/**
 * Reads the memory of processes that started at a time of the target, whatever their pid is here:
 * the keeper stands above its server, and has another pid outside.
 */
export function readKeeper(target: Target | undefined): Promise<Tried> {
  return eachOf(listOf(target), async (start) => {
    const parents = parentsOfAll()
    const own = descendantsOf(parents)
    const pids = [...parents.keys()].filter(
      (pid) => !own.includes(pid) && startOf(pid) === String(start),
    )
    return pids.length === 0 ? stopped('the keeper is not in /proc') : readMemory(pids)
  })
}

/** Looks for texts in what every process was started with, its own ones included. */
export function findInProcesses(target: Target | undefined): Promise<Tried> {
  const pids = [...parentsOfAll().keys()]
  const files = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`])
  return eachOf(listOf(target), (text) => {
    const found = files.filter((file) => contains(file, String(text)))
    return Promise.resolve(
      found.length === 0
        ? stopped(`it is in no command line or environment of ${pids.length} processes`)
        : gotThrough(`it is in ${found.join(', ')}`),
    )
  })
}

function contains(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'latin1').includes(text)
  } catch {
    // It has just ended, or may not be read.
    return false
  }
}

/**
 * Goes through what processes hold open, and through their roots and working directories, to files
 * and folders that it does not see under their own names.
 */
export function useOpenFiles(): Promise<Tried> {
  const links = [...parentsOfAll().keys()].flatMap((pid) => [
    `/proc/${pid}/root`,
    `/proc/${pid}/cwd`,
    ...namesIn(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`),
  ])
  const outside = links.flatMap((link) => {
    const name = outsideBehind(link)
    return name === undefined ? [] : [`${link} (${name})`]
  })
  return Promise.resolve(
    outside.length === 0
      ? stopped(`nothing outside is behind ${links.length} links of processes`)
      : gotThrough(`could reach ${outside.slice(0, shownAtMost).join(', ')}`),
  )
}

const shownAtMost = 6

/** @returns the name of what is behind a link if it can be reached there, but not by that name */
function outsideBehind(link: string): string | undefined {
  try {
    const name = readlinkSync(link)
    const there = statSync(link)
    // Pipes and sockets have no name, and devices are the same everywhere.
    if (!name.startsWith('/') || !(there.isFile() || there.isDirectory())) return undefined
    const seen = statSync(name, { throwIfNoEntry: false })
    return seen?.ino === there.ino && seen.dev === there.dev ? undefined : name
  } catch {
    return undefined
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // It is not here, or may not be read.
    return []
  }
}

/** SIGCONT changes nothing for a process that runs. */
export function signalProcess(target: Target | undefined): Promise<Tried> {
  return eachForeign(target, (pid) => {
    try {
      process.kill(pid, 0)
      process.kill(pid, 'SIGCONT')
      return gotThrough(`sent SIGCONT to process ${pid}`)
    } catch (error) {
      return refusedBy(error, `sending SIGCONT to process ${pid}`)
    }
  })
}

// PTRACE_SEIZE does not stop the process, and the kernel detaches when the tracer ends.
const seize = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
done = libc.ptrace(0x4206, int(sys.argv[1]), None, None)
print("done" if done == 0 else os.strerror(ctypes.get_errno()), flush=True)
os._exit(0)`

export function traceProcess(target: Target | undefined): Promise<Tried> {
  return eachForeign(target, async (pid) => {
    const { missing, ok, stdout, why } = await run('python3', ['-c', seize, String(pid)])
    if (missing || !ok) return notTried(`python3 could not be used: ${why}`)
    if (stdout !== 'done') return stopped(`tracing process ${pid}: ${stdout}`)
    return gotThrough(`traced process ${pid} for a moment`)
  })
}

/**
 * A process is a pid, or `PID:START` with its start time (field 22 of /proc/PID/stat): in a PID
 * namespace of its own the same number may be somebody else, and then it is not the target that
 * was reached.
 */
function eachForeign(
  target: Target | undefined,
  attempt: (pid: number) => Promise<Tried> | Tried,
): Promise<Tried> {
  return eachOf(listOf(target), async (one) => {
    const [, pidText = '', start] = /^(\d+)(?::(\d+))?$/.exec(String(one)) ?? []
    const pid = Number(pidText)
    // 0 and below would be whole groups.
    if (pid < 1) return notTried(`${one} is not a pid`)
    if (descendantsOf(parentsOfAll()).includes(pid)) {
      return stopped(`process ${pid} is one of its own here`)
    }
    if (start !== undefined && startOf(pid) !== start) {
      return stopped(`process ${pid} of outside is not in /proc`)
    }
    return attempt(pid)
  })
}

/** Fields of /proc/PID/stat behind the name, which may contain anything. */
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    // It has just ended, or is hidden.
    return []
  }
}

/** @returns the start time of a process; undefined if it cannot be seen. */
export function startOf(pid: number): string | undefined {
  return statOf(pid)[19]
}

function parentsOfAll(): Map<number, number> {
  const pids = namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  return new Map(pids.map((pid) => [pid, Number(statOf(pid)[1] ?? 0)]))
}

function ancestorsOf(pid: number, parents: Map<number, number>): number[] {
  const found: number[] = []
  for (let one = parents.get(pid) ?? 0; one > 0; one = parents.get(one) ?? 0) found.push(one)
  return found
}

/** This process and those below it. */
function descendantsOf(parents: Map<number, number>): number[] {
  const found = [process.pid]
  for (const above of found) {
    for (const [pid, parent] of parents) if (parent === above) found.push(pid)
  }
  return found
}
