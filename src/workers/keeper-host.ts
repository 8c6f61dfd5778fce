import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import type { Clock } from '../ground/clock.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { removeFile } from '../ground/removal.ts'
import { GatewayError } from '../ground/errors.ts'
import { spoken } from '../ground/spoken.ts'
import type { ProcessIdentity } from './driver.ts'
import { childOf } from './identity.ts'
import type { KeeperEnd } from './keeper-process.ts'
import { spawnKeeper } from './keeper-process.ts'
import { removeDeadSockets } from './keeper-sockets.ts'
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
  /** Whether it may keep others, too: then `pid` is that of all of them. */
  isShared: boolean
  /** Settles when it keeps this worker no more. */
  ended: Promise<KeeperEnd>
  kill(): void
  /**
   * For one whose server outlives us: nothing of it is held any more, and this process may end
   * while it runs. `ended` settles still, as long as something else keeps this process alive.
   */
  letGo(): void
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

/** About what a gateway or a server needs to start, which the start of a keeper would slow down. */
const refillDelayMs = 500
export const startTimeoutMs = 30_000

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
  const { socketPath, nonce } = newSocket(options.runtimeDir)
  const spawned = spawnKeeper(namespace.prefix, options.logFile)
  const { child, inItsWords } = spawned
  const ended = spawned.ended.finally(() => removeFile(socketPath))
  const boot: KeeperBoot = { socketPath, nonce, ownPidNamespace: namespace.own }
  try {
    await listening(child, `${JSON.stringify(boot)}\n`)
  } catch (cause) {
    child.kill('SIGKILL')
    throw inItsWords(cause)
  }
  const pid = child.pid ?? 0
  const init = namespace.own ? childOf(pid) : undefined
  return {
    pid,
    init,
    socketPath,
    nonce,
    isShared: false,
    ended,
    kill: () => child.kill('SIGKILL'),
    letGo() {
      child.stdin?.destroy()
      child.unref()
    },
  }
}

/** Where a worker's keeper listens, and what it wants to be told by whoever comes. */
export function newSocket(runtimeDir: string): { socketPath: string; nonce: string } {
  const socketPath = join(runtimeDir, `${randomBytes(6).toString('hex')}.sock`)
  return { socketPath, nonce: randomBytes(24).toString('base64url') }
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
