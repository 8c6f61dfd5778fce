import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync, closeSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { KeeperBoot } from './keeper/protocol.ts'
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
  socketPath: string
  nonce: string
  /** Settles when the process has ended; where it has a PID namespace, with its whole tree. */
  ended: Promise<void>
  kill(): void
}

export interface KeeperHostOptions {
  clock: Clock
  /** Holds sockets; its path is short, because a socket's may have 104 bytes at most. */
  runtimeDir: string
  /** Gets what a keeper itself says when it fails. */
  logFile: string
  namespace: PidNamespace
  endsWithGateway: boolean
  spares: number
}

const main = fileURLToPath(new URL('./keeper/main.js', import.meta.url))

/** Small heaps and one thread fewer: there is a keeper for every session. */
const nodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=512', '--no-warnings']

const refillDelayMs = 100

export function createKeeperHost(options: KeeperHostOptions): KeeperHost {
  const spares: Promise<StartedKeeper>[] = []
  let closed = false

  const refill = (): void => {
    if (closed || spares.length >= options.spares) return
    const spare = startKeeper(options)
    spares.push(spare)
    spare.then(
      (keeper) =>
        void keeper.ended.then(() => {
          const at = spares.indexOf(spare)
          if (at !== -1) void spares.splice(at, 1)
        }),
      () => {
        // Whoever takes one next starts it anew, and hears why that fails.
        void spares.splice(spares.indexOf(spare), 1)
      },
    )
  }
  refill()

  return {
    async take() {
      const spare = spares.shift()
      // Not at once: the worker that is starting wants the processor more.
      options.clock.after(refillDelayMs, refill)
      return (await spare?.catch(() => undefined)) ?? (await startKeeper(options))
    },
    async close() {
      closed = true
      for (const spare of spares.splice(0)) {
        const keeper = await spare.catch(() => undefined)
        keeper?.kill()
        await keeper?.ended
        if (keeper !== undefined) rmSync(keeper.socketPath, { force: true })
      }
    },
  }
}

async function startKeeper(options: KeeperHostOptions): Promise<StartedKeeper> {
  const { namespace, endsWithGateway } = options
  const socketPath = join(options.runtimeDir, `${randomBytes(6).toString('hex')}.sock`)
  const nonce = randomBytes(24).toString('base64url')
  const words = [...namespace.prefix, process.execPath, ...nodeFlags, main]
  const [command = process.execPath, ...args] = words
  const log = openSync(options.logFile, 'a', 0o600)
  const child = spawn(command, args, {
    cwd: '/',
    // Nothing of the gateway's: what the server gets stands in its specification.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    // A session of its own, so that Ctrl-C at the terminal reaches the gateway alone.
    detached: true,
    stdio: ['pipe', 'pipe', log],
  })
  closeSync(log)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const boot: KeeperBoot = { socketPath, nonce, endsWithGateway, ownPidNamespace: namespace.own }
  try {
    await listening(child, `${JSON.stringify(boot)}\n`, endsWithGateway)
  } catch (cause) {
    child.kill('SIGKILL')
    throw cause
  }
  return { pid: child.pid ?? 0, socketPath, nonce, ended, kill: () => child.kill('SIGKILL') }
}

function listening(child: ChildProcess, boot: string, holdStdin: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new GatewayError('ERR_WORKERS_KEEPER', { params: { why } }))
    }
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => fail(`it ended (${signal ?? `exit code ${code ?? ''}`})`))
    child.stdin?.on('error', () => undefined) // its end is told by `exit`
    if (holdStdin) child.stdin?.write(boot)
    else child.stdin?.end(boot)
    child.stdout?.once('data', () => {
      child.stdout?.destroy()
      resolve()
    })
  })
}
