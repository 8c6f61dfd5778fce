import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import { atEnd } from '../support/at-end.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import type { BerthOptions } from './berth.ts'

/** A process under measurement. */
export interface Target {
  process: ChildProcess
  pid: number
  /** The lines of its stdout, or of its stderr where it has a log, one at a time. */
  line(): Promise<string>
}

export interface TargetOptions {
  command: [string, ...string[]]
  env?: NodeJS.ProcessEnv
  /** A file that its stdout goes to. */
  log?: string
}

const endingMs = 15_000

/** The compiled worker of the benchmarks, and the one that is small. */
export const worker = compiled('test/bench/worker.js')
export const idleWorker = join(
  import.meta.dirname,
  ...['..', '..', '..', 'test', 'bench', 'idle-worker.py'],
)

/** Starts a process; it is ended with its owner. */
export function startTarget(
  owner: Owner,
  { command, env = process.env, log }: TargetOptions,
): Target {
  const [file, ...args] = command
  const fd = log === undefined ? undefined : openSync(log, 'a')
  const child = spawn(file, args, {
    stdio: fd === undefined ? ['ignore', 'pipe', 'inherit'] : ['ignore', fd, 'pipe'],
    env,
  })
  if (fd !== undefined) closeSync(fd)
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  atEnd(owner, async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), endingMs)
    await ended
    clearTimeout(late)
  })
  const lines = createInterface({ input: (child.stdout ?? child.stderr) as Readable })[
    Symbol.asyncIterator
  ]()
  return {
    process: child,
    pid: child.pid ?? 0,
    async line() {
      const next = (await lines.next()) as IteratorResult<string, undefined>
      if (next.done !== true) return next.value
      throw new Error(`${command.join(' ')} ended, or said no more`)
    },
  }
}

export interface Berth extends Target {
  url(server: string): string
  stateDir: string
  /** Memory after all garbage was collected, in bytes. */
  memory(): Promise<NodeJS.MemoryUsage>
}

/** Berth with its defaults in a process of its own, its log in a file as a service has it. */
export async function startBerth(
  owner: Owner,
  servers: Record<string, TestServer>,
  nodeFlags: string[] = [],
): Promise<Berth> {
  const stateDir = tempDir(owner)
  const options: BerthOptions = { stateDir, servers }
  const target = startTarget(owner, {
    command: [
      process.execPath,
      ...nodeFlags,
      compiled('test/bench/berth.js'),
      JSON.stringify(options),
    ],
  })
  const base = await target.line()
  return {
    ...target,
    stateDir,
    url: (server) => `${base}/servers/${server}/mcp`,
    async memory() {
      target.process.kill('SIGUSR2')
      return JSON.parse(await target.line()) as NodeJS.MemoryUsage
    },
  }
}

/** Workers that run, from the markers beside them. `pid` is the keeper's, or what it is wrapped in. */
export function workersOf({ stateDir }: Berth): { pid: number; port: number }[] {
  const folder = join(stateDir, 'workers')
  return readdirSync(folder).map((name) => {
    const marker = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      handle: { pid: number; port: number }
    }
    return marker.handle
  })
}

/** The worker of the benchmarks over HTTP. */
export async function startWorker(owner: Owner): Promise<{ url: string; pid: number }> {
  const port = await freePort()
  const target = startTarget(owner, {
    command: [process.execPath, worker],
    env: { ...process.env, PORT: String(port) },
  })
  await target.line()
  return { url: `http://127.0.0.1:${port}/mcp`, pid: target.pid }
}

/** Settles when something accepts connections there. */
export async function untilListening(port: number, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const socket = connect({ host: '127.0.0.1', port })
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isThere) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
