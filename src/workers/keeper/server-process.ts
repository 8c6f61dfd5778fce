import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'

import { createLineSplitter } from './lines.ts'
import { findListening } from './listening.ts'
import { openOutputFile } from './output-file.ts'
import type { KeeperExit, KeeperFailure, KeeperSpec, KeeperStarted } from './protocol.ts'
import { markedTree, namespaceTree, workerIdVariable } from './tree.ts'

/** A message on stdout may be this long; more is not a message but a mistake. */
const messageMaxBytes = 256 * 1024 * 1024

/** The server that a keeper keeps: one process, its streams, its end. */
export interface ServerProcess {
  /** Settles once, as soon as it is ready or cannot become it. */
  readonly ready: Promise<
    { ok: true; started: KeeperStarted } | { ok: false; failure: KeeperFailure }
  >
  /** Settles once, when the process has ended and its output is in the file. */
  readonly exited: Promise<KeeperExit>
  /** Writes one line to a stdio server; false when it does not read any more. */
  send(line: string): boolean
  /** Asks it to end: stdin closed, SIGTERM to its process group. */
  ask(): void
  /** Kills what is left of the tree. */
  kill(): Promise<void>
  /** Settles when nothing of the tree is left, or after `ms`. */
  gone(ms: number): Promise<void>
  lastLines(): string[]
  note(line: string): void
}

export interface ServerProcessOptions {
  spec: KeeperSpec
  ownPidNamespace: boolean
  /** A line of a stdio server's stdout. */
  onLine(line: string): void
}

export function startServerProcess(options: ServerProcessOptions): ServerProcess {
  const { spec, ownPidNamespace } = options
  const output = openOutputFile(spec.outputFile, spec.outputMaxBytes)
  const tree = ownPidNamespace ? namespaceTree : markedTree(spec.workerId)
  const startedAtMs = Date.now()

  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: { ...spec.env, [workerIdVariable]: spec.workerId },
    // A process group of its own, so that SIGTERM reaches what a wrapper such as npx started.
    detached: true,
    stdio: [spec.transport === 'stdio' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })

  let ended = false
  let spawnProblem: NodeJS.ErrnoException | undefined

  const exited = new Promise<KeeperExit>((resolve) => {
    const settle = (code: number | null, signal: string | null): void => {
      if (ended) return
      ended = true
      const how = describeExit(code, signal, spawnProblem)
      const exit = { code, signal, how, lastLines: output.lastLines() }
      writeFileSync(spec.exitFile, JSON.stringify(exit), { mode: 0o600 })
      output.close()
      resolve(exit)
    }
    child.once('error', (error) => {
      spawnProblem = error
      if (child.pid === undefined) settle(null, null)
    })
    child.once('exit', (code, signal) => {
      // `close` waits for the streams, which a grandchild may hold open for ever.
      const late = setTimeout(() => settle(code, signal), 50)
      child.once('close', () => {
        clearTimeout(late)
        settle(code, signal)
      })
    })
  })

  const toFile = output.stream()
  child.stderr?.on('data', toFile)
  if (spec.transport === 'stdio') {
    const lines = createLineSplitter((line) => {
      options.onLine(line.toString('utf8'))
    }, messageMaxBytes)
    child.stdout?.on('data', (chunk: Buffer) => lines.push(chunk))
  } else {
    child.stdout?.on('data', output.stream())
  }
  // A server that closes its stdin, or has ended, is noticed by `send` and by its exit.
  child.stdin?.on('error', () => undefined)

  const failure = (
    code: KeeperFailure['code'],
    params: KeeperFailure['params'],
    exit?: KeeperExit,
  ): { ok: false; failure: KeeperFailure } => ({
    ok: false,
    failure: {
      code,
      params: { command: spec.command, ...params },
      exitCode: exit?.code ?? null,
      signal: exit?.signal ?? null,
      lastLines: exit?.lastLines ?? output.lastLines(),
    },
  })

  const exitedEarly = exited.then((exit) =>
    spawnProblem === undefined
      ? failure('ERR_WORKERS_EXITED_EARLY', { how: exit.how }, exit)
      : failure('ERR_WORKERS_SPAWN', { why: whySpawnFailed(spawnProblem, spec) }, exit),
  )

  const serves = async (): ReturnType<typeof ready> => {
    if (spec.transport === 'stdio') {
      await new Promise((resolve) => child.once('spawn', resolve))
      return { ok: true, started: { pid: child.pid ?? 0, address: null, warning: null } }
    }
    const port = spec.port ?? 0
    let foreign = false
    for (let pauseMs = 5; !ended; pauseMs = Math.min(pauseMs * 1.3, 100)) {
      const found = await findListening(port, tree.pids)
      foreign = found.state === 'foreign'
      if (found.state === 'elsewhere') {
        return failure('ERR_WORKERS_NOT_LOOPBACK', { server: spec.command, address: found.address })
      }
      if (found.state === 'ready') {
        const warning = found.exposed
          ? `It listens on all addresses, so that others can reach port ${port} of this worker past the gateway; let it bind 127.0.0.1.`
          : null
        return {
          ok: true,
          started: { pid: child.pid ?? 0, address: found.address, warning },
        }
      }
      if (Date.now() - startedAtMs > spec.startTimeoutMs) {
        const what = foreign
          ? `listen on port ${port} (another process does)`
          : `listen on port ${port}`
        return failure('ERR_WORKERS_START_TIMEOUT', { what, timeoutMs: spec.startTimeoutMs })
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    return exitedEarly
  }
  type Outcome = { ok: true; started: KeeperStarted } | { ok: false; failure: KeeperFailure }
  const ready = (): Promise<Outcome> => Promise.race([serves(), exitedEarly])

  return {
    ready: ready(),
    exited,
    send: (line) => {
      const stdin = child.stdin
      if (ended || stdin?.writable !== true) return false
      stdin.write(`${line}\n`)
      return true
    },
    ask() {
      child.stdin?.end()
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, 'SIGTERM')
      } catch {
        // The group is gone.
      }
    },
    kill: () => tree.kill(),
    async gone(ms) {
      const untilMs = Date.now() + ms
      while ((!ended || tree.pids().length > 0) && Date.now() < untilMs) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    lastLines: () => output.lastLines(),
    note: (line) => {
      if (!ended) output.note(line)
    },
  }
}

function describeExit(
  code: number | null,
  signal: string | null,
  spawnProblem: Error | undefined,
): string {
  if (spawnProblem !== undefined) return 'it could not be started'
  return signal === null ? `exit code ${code ?? 'unknown'}` : `killed by ${signal}`
}

function whySpawnFailed(problem: NodeJS.ErrnoException, spec: KeeperSpec): string {
  if (problem.code === 'ENOENT') {
    return spec.command.includes('/')
      ? `there is no such file, or the working directory ${spec.cwd} is missing`
      : `it is not in PATH (${spec.env.PATH ?? 'PATH is not set'})`
  }
  if (problem.code === 'EACCES') return 'it may not be executed (chmod +x)'
  return problem.code ?? 'it could not be started'
}
