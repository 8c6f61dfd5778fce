import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Clock } from '../ground/clock.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { openOwnLog } from '../ground/own-files.ts'
import { removeFile } from '../ground/removal.ts'
import { GatewayError } from '../ground/errors.ts'
import { saysOutOfRoom } from '../ground/room.ts'
import { spoken } from '../ground/spoken.ts'
import type { ProcessIdentity } from './driver.ts'
import { childOf } from './identity.ts'
import type { KeeperBoot } from '../keeper/protocol.ts'
import type { PidNamespace } from './pid-namespace.ts'

/** Starts keepers, and keeps a spare one started: it saves a session most of their start. */
export interface KeeperHost {
  /** A keeper that listens on its socket and keeps nothing yet. */
  take(): Promise<StartedKeeper>
  /** Ends the spare one; the others belong to their workers. */
  close(): Promise<void>
}

export interface StartedKeeper {
  pid: number
  /** The first process of its PID namespace, which is the last of it to go. */
  init: ProcessIdentity | undefined
  socketPath: string
  nonce: string
  /** Settles when the process has ended. */
  ended: Promise<KeeperEnd>
  kill(): void
  /**
   * For one whose server outlives us: nothing of it is held any more, and this process may end
   * while it runs. `ended` settles still, as long as something else keeps this process alive.
   */
  letGo(): void
}

/** How a keeper ended. With code 0 it has left nothing of its tree behind. */
export interface KeeperEnd {
  code: number | null
  signal: string | null
}

export interface KeeperHostOptions {
  clock: Clock
  /** Holds sockets; its path is short, because a socket's may have 104 bytes at most. */
  runtimeDir: string
  /** Gets what a keeper itself says when it fails. */
  logFile: string
  namespace: PidNamespace
  spares: number
}

const main = fileURLToPath(new URL('../keeper/main.js', import.meta.url))

/**
 * No flags of V8: with any, node compiles its own modules anew instead of taking them from its
 * cache, which is an eighth of the start of a keeper. It keeps its heap small by itself.
 */
const nodeFlags = ['--no-warnings']

/** About what a gateway or a server needs to start, which the start of a keeper would slow down. */
const refillDelayMs = 500
const startTimeoutMs = 30_000
/** A keeper says something when it cannot start, and for want of room thousands may. */
const logAtMost = 1024 * 1024

export function createKeeperHost(options: KeeperHostOptions): KeeperHost {
  const spares: Promise<StartedKeeper>[] = []
  let closed = false

  const refill = (): void => {
    if (closed || spares.length >= options.spares) return
    const spare = startKeeper(options)
    const forget = (): void => {
      const at = spares.indexOf(spare)
      if (at !== -1) void spares.splice(at, 1)
    }
    spares.push(spare)
    // Whoever takes one when there is none starts it anew, and hears why that fails.
    inBackground(spare.then(({ ended }) => ended).then(forget), forget)
  }
  const refillSoon = (): void => void options.clock.after(refillDelayMs, refill)
  // Each of them is asked, and there may be hundreds.
  const tidying = options.clock.after(
    refillDelayMs,
    guarded(() => removeDeadSockets(options.runtimeDir), tellFault('tidying up sockets')),
  )
  refillSoon()

  return {
    async take() {
      const spare = spares.shift()
      refillSoon()
      return (await spare?.catch(() => undefined)) ?? (await startKeeper(options))
    },
    async close() {
      closed = true
      tidying.cancel()
      for (const spare of spares.splice(0)) {
        const keeper = await spare.catch(() => undefined)
        keeper?.kill()
        await keeper?.ended
      }
    },
  }
}

async function startKeeper(options: KeeperHostOptions): Promise<StartedKeeper> {
  const { namespace } = options
  const socketPath = join(options.runtimeDir, `${randomBytes(6).toString('hex')}.sock`)
  const nonce = randomBytes(24).toString('base64url')
  const words = [...namespace.prefix, process.execPath, ...nodeFlags, main]
  const [command = process.execPath, ...args] = words
  const log = openOwnLog(options.logFile)
  if (fstatSync(log).size > logAtMost) ftruncateSync(log)
  const logged = fstatSync(log).size
  const child = spawn(command, args, {
    cwd: '/',
    // Nothing of the gateway's: what the server gets stands in its specification.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    // A session of its own, so that Ctrl-C at the terminal reaches the gateway alone.
    detached: true,
    stdio: ['pipe', 'pipe', log],
  })
  closeSync(log)
  const ended = new Promise<KeeperEnd>((resolve) => {
    const settle = (code: number | null, signal: string | null): void => {
      removeFile(socketPath)
      resolve({ code, signal })
    }
    const failed = (): void => resolve({ code: null, signal: null })
    child.once('exit', guarded(settle, failed))
    child.once(
      'error',
      guarded(() => settle(null, null), failed),
    )
  })
  const boot: KeeperBoot = { socketPath, nonce, ownPidNamespace: namespace.own }
  try {
    await listening(child, `${JSON.stringify(boot)}\n`)
  } catch (cause) {
    child.kill('SIGKILL')
    throw inItsWords(cause, options.logFile, logged)
  }
  const pid = child.pid ?? 0
  const init = namespace.own ? childOf(pid) : undefined
  return {
    pid,
    init,
    socketPath,
    nonce,
    ended,
    kill: () => child.kill('SIGKILL'),
    letGo() {
      child.stdin?.destroy()
      child.unref()
    },
  }
}

function listening(child: ChildProcess, boot: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => fail(`it did not listen within ${spoken(startTimeoutMs)}`)
    const limit = setTimeout(guarded(late, reject), startTimeoutMs)
    const fail = (why: string): void => {
      clearTimeout(limit)
      reject(new GatewayError('ERR_WORKERS_KEEPER', { params: { why } }))
    }
    child.once(
      'error',
      guarded((error: Error) => fail(error.message), reject),
    )
    const ended = (code: number | null, signal: string | null): void =>
      fail(`it ended (${signal ?? `exit code ${code ?? ''}`})`)
    child.once('exit', guarded(ended, reject))
    child.stdin?.on('error', () => undefined) // its end is told by `exit`
    child.stdin?.write(boot)
    const listens = (): void => {
      clearTimeout(limit)
      child.stdout?.destroy()
      resolve()
    }
    child.stdout?.once('data', guarded(listens, reject))
  })
}

/** What a keeper, or what starts it, has said of too little room tells why it ended. */
function inItsWords(thrown: unknown, logFile: string, from: number): unknown {
  if (!(thrown instanceof GatewayError)) return thrown
  const said = readFrom(logFile, from)
    .split('\n')
    .find((line) => saysOutOfRoom(line))
  // Node.js aborts when it gets no thread, and does not always come to say so.
  const isAborted = /SIGABRT|exit code 134/.test(thrown.message)
  if (said === undefined && !isAborted) return thrown
  const cause = Object.assign(new Error((said ?? 'it was aborted').slice(0, 200)), {
    code: 'EAGAIN',
  })
  const why = 'there was no room to start it'
  return new GatewayError('ERR_WORKERS_KEEPER', { params: { why }, cause })
}

function readFrom(file: string, position: number): string {
  try {
    const fd = openSync(file, 'r')
    try {
      const buffer = Buffer.alloc(16 * 1024)
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, position))
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

/** A socket is made before it is listened on: another gateway's keeper may be about to. */
const startingMs = 10_000

/** Spare keepers of a gateway that was killed have left theirs: no marker names them. */
async function removeDeadSockets(folder: string): Promise<void> {
  const sockets = namesIn(folder).filter((name) => name.endsWith('.sock'))
  await Promise.all(
    sockets.map(async (name) => {
      const path = join(folder, name)
      const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity }
      if (Date.now() - mtimeMs < startingMs || (await isListenedOn(path))) return
      removeFile(path)
    }),
  )
}

/** Of a state directory that was removed meanwhile, or cannot be read, nothing is left to tidy. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** False for a socket that is gone, or whose process is. */
export function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    const failed = ({ code }: NodeJS.ErrnoException): void =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT')
    socket.once('error', guarded(failed, tellFault('knocking at a socket')))
  })
}
