import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

export interface ProcessEntry {
  pid: number
  parentPid: number
  /** When it started, in the system's own words; with the pid it names a process for good. */
  startedAt: string
}

const hasProc = process.platform === 'linux'

/** Every process of the system but zombies, which are dead and only wait to be reaped. */
export function listProcesses(): ProcessEntry[] {
  return hasProc ? listProc() : listPs()
}

/** Whether the process runs. A zombie does not. */
export function alive(pid: number): boolean {
  if (hasProc) return readStat(pid) !== undefined
  return listPs().some((entry) => entry.pid === pid)
}

/** Whether the process stands still because somebody has stopped it (SIGSTOP). */
export function isStopped(pid: number): boolean {
  const state = hasProc
    ? (fieldsIn(read(() => readFileSync(`/proc/${pid}/stat`, 'utf8')))[0] ?? '')
    : ps(['-o', 'stat=', '-p', String(pid)]).trim()
  return /^[Tt]/.test(state)
}

/** The children of a process, their children and so on, as the system knows them now. */
export function descendants(pid: number, entries = listProcesses()): ProcessEntry[] {
  const children = new Map<number, ProcessEntry[]>()
  for (const entry of entries) {
    const siblings = children.get(entry.parentPid)
    if (siblings === undefined) children.set(entry.parentPid, [entry])
    else siblings.push(entry)
  }
  const found: ProcessEntry[] = []
  const visit = (parent: number): void => {
    for (const child of children.get(parent) ?? []) {
      found.push(child)
      visit(child.pid)
    }
  }
  visit(pid)
  return found
}

/**
 * The processes that have one of the texts in their environment, their command line or (Linux)
 * the path of their working directory. Processes of other users are not looked into.
 */
export function processesWith(...texts: string[]): ProcessEntry[] {
  const tracesOf = hasProc ? readTraces : psTraces()
  return listProcesses().filter(({ pid }) => {
    const traces = tracesOf(pid)
    return texts.some((text) => traces.includes(text))
  })
}

/** The processes of the worker of a session, its keeper not among them, by its public id. */
export const processesOf = (sessionId: string): number[] =>
  processesWith(`BERTH_SESSION_ID=${sessionId}`).map(({ pid }) => pid)

/** The keeper that a process stands below, if any; several workers may have the same. */
export function keeperAbove(pid: number): number | undefined {
  const parents = new Map(listProcesses().map((entry) => [entry.pid, entry.parentPid]))
  for (let at = parents.get(pid); at !== undefined; at = parents.get(at)) {
    if (/^\S*node .*keeper\/main\.js$/.test(commandOf(at))) return at
  }
  return undefined
}

/** The command line, for people. */
export function commandOf(pid: number): string {
  if (!hasProc) return ps(['-ww', '-o', 'command=', '-p', String(pid)]).trim()
  return read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    .replaceAll('\0', ' ')
    .trim()
}

function readTraces(pid: number): string {
  return [
    read(() => readFileSync(`/proc/${pid}/environ`, 'utf8')),
    read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
    read(() => readlinkSync(`/proc/${pid}/cwd`)),
  ].join('\0')
}

function psTraces(): (pid: number) => string {
  const lines = ps(['-axEww', '-o', 'pid=,command=']).split('\n')
  const byPid = new Map(lines.map((line) => [Number.parseInt(line, 10), line]))
  return (pid) => byPid.get(pid) ?? ''
}

function listProc(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((entry) => entry !== undefined)
}

function readStat(pid: number): ProcessEntry | undefined {
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const fields = fieldsIn(stat)
  const [state, parentPid] = fields
  const startedAt = fields[19]
  if (startedAt === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, parentPid: Number(parentPid), startedAt }
}

// The name stands in brackets and may contain anything, brackets included (proc(5)).
function fieldsIn(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function listPs(): ProcessEntry[] {
  const line = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/
  return ps(['-axo', 'pid=,ppid=,stat=,lstart='])
    .split('\n')
    .map((text) => line.exec(text))
    .filter((match) => match !== null && !match[3]!.startsWith('Z'))
    .map((match) => ({
      pid: Number(match![1]),
      parentPid: Number(match![2]),
      startedAt: match![4]!,
    }))
}

function ps(args: string[]): string {
  return read(() =>
    execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )
}

// Processes end while they are looked at, and those of other users may not be read.
function read(fn: () => string): string {
  try {
    return fn()
  } catch {
    return ''
  }
}
