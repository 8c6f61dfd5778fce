import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { readlinkSync, realpathSync } from 'node:fs'
import type { Socket } from 'node:net'

import { guarded } from '../ground/guarded.ts'
import {
  firstChildOf,
  onlyChildOf,
  startTimeOf,
  statFieldsOf,
  treeBelow,
} from '../ground/process-tree.ts'
import { quoted } from '../ground/shell.ts'
import type { Ending } from './exit.ts'
import { asShellsTell } from './exit.ts'
import type { Pipes } from './pipes.ts'
import { closeFd, openReader, openWriter, readFrom, removePipes, writeTo } from './pipes.ts'
import type { House, HouseInit, KeeperSpec } from './protocol.ts'
import { environmentOf, withFile } from './spawn-server.ts'
import type { Spawned, Streams } from './spawned.ts'
import { reapedBy, reapedHere } from './usage.ts'

const killRounds = 500
const killPauseMs = 10
const openPauseMs = 1
const seekRounds = 200
/** Exit codes of what could not execute a program. */
const notExecuted = new Set([126, 127])
/** Of `statFieldsOf`. */
const sessionField = 3

/** What the keeper has taken note of so far, of the time of its own children that have ended. */
let noted = 0

/**
 * Starts a server in a PID namespace of its own, for a keeper that stands outside and has others: its
 * tree dies whole, with the keeper or alone. The first process is a shell: it reaps what is orphaned
 * (some servers do not), says how the server has ended, and stays until it is let go, so that the
 * rest of the tree gets its time.
 *
 * @param onFault what went wrong on its streams, which is this server's business alone
 * @throws where not even that can be begun; the usual problems come as `onError`
 */
export function spawnHoused(
  spec: KeeperSpec,
  { house, pipes }: { house: House; pipes: Pipes },
  onFault: (thrown: unknown) => void,
): Spawned {
  const told = new EventEmitter()
  const readers: number[] = []
  let init: HouseInit | undefined
  let leader: number | undefined
  let streams: Streams | undefined
  let hasSpoken = false
  let hasExited = false
  let isOver = false
  /** Of streams that are read, and of what stands around the server. */
  let open = 1
  let reaped = 0
  /** The server runs, and not what becomes it. */
  let isSeen = false
  let unclear: Ending | undefined
  let firstWords = ''
  let child: ChildProcess
  try {
    for (const ending of ['out', 'err'] as const) readers.push(openReader(pipes, ending))
    child = withFile(spec, (fds) => {
      const [command = '', ...enter] = house.enter
      const script = scriptOf(spec, house, pipes)
      const words = [...enter, house.sh, '-c', script, 'berth-server', spec.command, ...spec.args]
      return spawn(command, words, {
        cwd: spec.cwd,
        env: environmentOf(spec),
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', ...fds],
      })
    })
  } catch (thrown) {
    for (const fd of readers) closeFd(fd)
    removePipes(pipes)
    throw thrown
  }
  const control = child.stdout as Socket
  const safely = <A extends unknown[]>(fn: (...given: A) => unknown): ((...given: A) => void) =>
    guarded(fn, onFault)

  const look = (): number => {
    if (init !== undefined && isThere(init)) reaped = Math.max(reaped, reapedBy(init.pid) ?? 0)
    return reaped
  }
  const exited = (code: number | null, signal: string | null): void => {
    if (hasExited) return
    hasExited = true
    look()
    told.emit('exit', code, signal)
  }
  const ended = (code: number): void => {
    const how = asShellsTell(code, null)
    if (isSeen || !notExecuted.has(code)) {
      exited(how.code, how.signal)
      return
    }
    // So a shell has it that could not start it; or it has ended like that itself, and soon.
    unclear = how
    control.destroy()
  }
  const closed = (): void => {
    open -= 1
    if (open > 0) return
    if (unclear !== undefined) settleUnclear(unclear)
    told.emit('close')
  }

  let said = ''
  control.on('error', () => undefined)
  control.on(
    'data',
    safely((chunk: Buffer) => {
      said += chunk.toString('latin1')
      for (let at = said.indexOf('\n'); at !== -1; at = said.indexOf('\n')) {
        const line = said.slice(0, at)
        said = said.slice(at + 1)
        if (hasSpoken) ended(Number(line))
        else begin()
      }
    }),
  )
  // What stands around the server says something only if it cannot begin.
  let complaint = ''
  child.stderr?.on('error', () => undefined)
  child.stderr?.on(
    'data',
    safely((chunk: Buffer) => (complaint = (complaint + chunk.toString('utf8')).slice(0, 500))),
  )
  const fail = (error: Error): void => {
    if (hasExited) return
    isOver = true
    hasExited = true
    for (const fd of readers.splice(0)) closeFd(fd)
    removePipes(pipes)
    told.emit('error', error)
  }
  child.once('error', safely(fail))
  child.once(
    'close',
    safely(() => {
      isOver = true
      const before = noted
      noted = reapedHere()
      if (!hasSpoken) {
        fail(notBegun(complaint))
        return
      }
      // It has waited for all of them.
      if (!hasExited) reaped = Math.max(reaped, noted - before)
      // Nobody could say how it ended: the whole namespace was killed.
      if (unclear === undefined) exited(null, 'SIGKILL')
      for (const fd of readers.splice(0)) closeFd(fd)
      removePipes(pipes)
      closed()
    }),
  )

  /** The shell runs, and is about to start the server, which waits for its streams. */
  function begin(): void {
    hasSpoken = true
    init = identityOf(onlyChildOf(child.pid ?? 0))
    connect()
  }

  function connect(): void {
    if (isOver) return
    const writer = openWriter(pipes)
    if (writer === undefined) {
      setTimeout(safely(connect), openPauseMs)
      return
    }
    // The server has opened what it writes to before what it reads from, so nothing ends early.
    removePipes(pipes)
    find()
    const [stdout, stderr] = readers.splice(0).map(readFrom) as [Socket, Socket]
    open += 2
    for (const stream of [stdout, stderr]) {
      stream.on('error', () => undefined)
      stream.once('close', safely(closed))
    }
    const isSpoken = spec.transport === 'stdio'
    if (!isSpoken) closeFd(writer)
    streams = { stdin: isSpoken ? writeTo(writer) : null, stdout, stderr }
    told.emit('streams', streams)
    stderr.once('data', (chunk: Buffer) => (firstWords = chunk.toString('utf8', 0, 500)))
    seek(seekRounds)
  }

  /** Until what was to become the server has become it. */
  function seek(rounds: number): void {
    if (isOver || hasExited || unclear !== undefined) return
    isSeen = hasBecomeAnother(find(), house.setsid)
    if (isSeen || rounds === 0) told.emit('spawn')
    else setTimeout(safely(seek), openPauseMs, rounds - 1)
  }

  function settleUnclear({ code, signal }: Ending): void {
    const [, problem] = /^setsid: .+: (.+)/.exec(firstWords) ?? []
    if (problem === undefined) exited(code, signal)
    else
      fail(Object.assign(new Error(problem), { code: code === 127 ? 'ENOENT' : codeOf(problem) }))
  }

  function find(): number | undefined {
    if (init !== undefined && !hasExited) leader ??= firstChildOf(init.pid)
    return leader
  }

  return {
    tree: {
      pids: () => (init === undefined || !isThere(init) ? [] : treeBelow(init.pid)),
      async kill() {
        look()
        for (let round = 0; round < killRounds; round += 1) {
          // Whatever stands around it dies with it, and the other way round.
          const target = init ?? identityOf(child.pid)
          if (target === undefined || isOver || !isThere(target)) return
          for (const pid of [...treeBelow(target.pid), target.pid]) kill(pid)
          await new Promise((resolve) => setTimeout(resolve, killPauseMs))
        }
      },
    },
    leader: find,
    init: () => init,
    reaped: look,
    onSpawn: (fn) => void told.once('spawn', fn),
    onStreams: (fn) => void told.once('streams', fn),
    onError: (fn) => void told.once('error', fn),
    onExit: (fn) => void told.once('exit', fn),
    onClose: (fn) => void told.once('close', fn),
    letGo: () => void control.destroy(),
  }
}

/** The machine may have had no room for one more. */
function notBegun(complaint: string): Error {
  const [line = ''] = complaint.split('\n')
  const isRoom = /Resource temporarily unavailable|Cannot (fork|allocate memory)/.test(line)
  return Object.assign(new Error(line), isRoom ? { code: 'EAGAIN' } : {})
}

/** As a shell has it. */
const codeOf = (problem: string): string =>
  /denied/i.test(problem) ? 'EACCES' : /too long/i.test(problem) ? 'E2BIG' : problem

function hasBecomeAnother(pid: number | undefined, setsid: string): boolean {
  if (pid === undefined || statFieldsOf(pid)?.[sessionField] !== String(pid)) return false
  try {
    return readlinkSync(`/proc/${pid}/exe`) !== realpathSync(setsid)
  } catch (thrown) {
    // Another user's; what has ended is not there any more.
    return (thrown as NodeJS.ErrnoException).code === 'EACCES'
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in this moment.
  }
}

function identityOf(pid: number | undefined): HouseInit | undefined {
  const startTime = pid === undefined ? undefined : startTimeOf(pid)
  return pid === undefined || startTime === undefined ? undefined : { pid, startTime }
}

const isThere = ({ pid, startTime }: HouseInit): boolean => startTimeOf(pid) === startTime

/**
 * A handler for INT, because some shells have one of their own and end; to ignore it would be
 * handed on. What a shell adds to an environment is no business of the server. The order of the pipes
 * counts: the keeper takes the last for a sign that the others are open. The server gets a session of
 * its own, so that SIGTERM reaches what a wrapper such as npx started, and not this shell.
 */
function scriptOf({ transport, env }: KeeperSpec, house: House, { prefix }: Pipes): string {
  const own = ['PWD', 'OLDPWD', 'SHLVL'].filter((name) => env[name] === undefined)
  const [input, out, err] = ['in', 'out', 'err'].map((ending) => quoted(`${prefix}.${ending}`))
  const stdin = transport === 'stdio' ? `<${input}` : `9<${input} 9<&- </dev/null`
  return [
    'trap : INT',
    `unset ${own.join(' ')}`,
    'echo up',
    'exec 2>/dev/null',
    `(exec ${quoted(house.setsid)} "$@" >${out} 2>${err} ${stdin})`,
    'echo $?',
    'read -r _ <&1',
  ].join('\n')
}
