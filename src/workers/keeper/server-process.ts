import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'

import { createLineSplitter } from './lines.ts'
import { openOutputFile } from './output-file.ts'
import type { KeeperExit, KeeperFailure, KeeperSpec, KeeperStarted } from './protocol.ts'
import { longer, waitUntilListening } from './readiness.ts'
import { whySpawnFailed } from './spawn-problem.ts'
import { markedTree, namespaceTree, workerIdVariable, workerMark } from './tree.ts'

/** A message on stdout may be this long; more is not a message but a mistake. */
const messageMaxBytes = 256 * 1024 * 1024

/** How long a stdio server may live on without one of its streams before it is asked to end … */
const brokenMs = 500
/** … and how long after that it is killed. */
const brokenGraceMs = 1000

/** After the end of the whole tree, for what somebody beyond our reach may hold open. */
const lateMs = 500

/** The server that a keeper keeps: one process, its streams, its end. */
export interface ServerProcess {
  /** Settles once, as soon as it is ready or cannot become it. */
  readonly ready: Promise<Readiness>
  /** Settles once, when the process has ended and everything that it wrote has been read. */
  readonly exited: Promise<KeeperExit>
  /** Writes one line to a stdio server; false when it does not read any more. */
  send(line: string): boolean
  /** Asks it to end: stdin closed, SIGTERM to its process group. */
  ask(): void
  /** Kills what is left of the tree. */
  kill(): Promise<void>
  /** Settles when nothing of the tree is left, or after `ms`: true if nothing is. */
  gone(ms: number): Promise<boolean>
  lastLines(): string[]
  note(line: string): void
}

export type Readiness = { ok: true; started: KeeperStarted } | { ok: false; failure: KeeperFailure }

export interface ServerProcessOptions {
  spec: KeeperSpec
  ownPidNamespace: boolean
  /** A line of a stdio server's stdout. */
  onLine(line: string): void
}

/** @throws when its output file cannot be opened */
export function startServerProcess(options: ServerProcessOptions): ServerProcess {
  const { spec, ownPidNamespace } = options
  const output = openOutputFile(spec.outputFile, spec.outputMaxBytes)
  const tree = ownPidNamespace ? namespaceTree : markedTree(workerMark(spec.workerId))

  let child: ChildProcess | undefined
  let spawnProblem: NodeJS.ErrnoException | undefined
  try {
    child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: { ...spec.env, [workerIdVariable]: spec.workerId },
      // A process group of its own, so that SIGTERM reaches what a wrapper such as npx started.
      detached: true,
      stdio: [spec.transport === 'stdio' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    })
  } catch (thrown) {
    // The usual problems come as 'error'; a missing folder in the path, for one, is thrown.
    spawnProblem = thrown as NodeJS.ErrnoException
  }

  /** The process has ended; something of its tree may live and write on. */
  let hasExited = false
  /** What it wrote has been read, too. */
  let isOver = false
  let isAsked = false
  let brokenStream: string | undefined

  let settle: (code: number | null, signal: string | null) => void = () => undefined
  const exited = new Promise<KeeperExit>((resolve) => {
    settle = (code, signal) => {
      if (isOver) return
      hasExited = true
      isOver = true
      const how = describeExit(code, signal, spawnProblem, brokenStream)
      output.close()
      const exit = { code, signal, how, lastLines: output.lastLines() }
      leaveExit(spec.exitFile, exit)
      resolve(exit)
    }
  })
  if (child === undefined) settle(null, null)
  child?.once('error', (error) => {
    spawnProblem = error
    if (child.pid === undefined) settle(null, null)
  })
  child?.once('exit', (code, signal) => {
    hasExited = true
    // It comes when all that was written has been read, and not before everything that holds the
    // streams open has ended. What was asked to end is given its time for that.
    child.once('close', () => settle(code, signal))
    if (!isAsked) void kill()
  })

  const lines = createLineSplitter((line) => options.onLine(line.toString('utf8')), messageMaxBytes)
  child?.stderr?.on('data', output.stream())
  if (spec.transport === 'stdio') {
    child?.stdout?.on('data', (chunk: Buffer) => lines.push(chunk))
    child?.stdout?.once('end', () => {
      lines.end()
      broken('standard output')
    })
    // Without a listener its early end would end the keeper.
    child?.stdin?.on('error', () => broken('standard input'))
  } else {
    child?.stdout?.on('data', output.stream())
  }

  /** A server that cannot hear or speak any more serves nobody. Most are about to exit. */
  function broken(stream: string): void {
    setTimeout(() => {
      if (hasExited || isAsked) return
      brokenStream = stream
      ask()
      setTimeout(() => void kill(), brokenGraceMs)
    }, brokenMs)
  }

  function ask(): void {
    isAsked = true
    child?.stdin?.end()
    signalGroup('SIGTERM')
  }

  async function kill(): Promise<void> {
    signalGroup('SIGKILL')
    await tree.kill()
    setTimeout(() => {
      if (hasExited) settle(child?.exitCode ?? null, child?.signalCode ?? null)
    }, lateMs)
  }

  function signalGroup(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (child?.pid === undefined || isOver) return
    try {
      process.kill(-child.pid, signal)
    } catch {
      // The group is gone.
    }
  }

  const failure = (
    code: KeeperFailure['code'],
    params: KeeperFailure['params'],
    exit?: KeeperExit,
  ): Readiness => ({
    ok: false,
    failure: {
      code,
      params,
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

  const serves = async (): Promise<Readiness> => {
    const pid = child?.pid ?? 0
    if (spec.transport === 'stdio') {
      await new Promise((resolve) => child?.once('spawn', resolve))
      return { ok: true, started: { pid, address: null, warning: null } }
    }
    const listened = await waitUntilListening({
      port: spec.port ?? 0,
      startTimeoutMs: spec.startTimeoutMs,
      pids: tree.pids,
      hasExited: () => hasExited,
    })
    if (listened === undefined) return exitedEarly
    if ('code' in listened) return failure(listened.code, listened.params)
    return { ok: true, started: { pid, ...listened } }
  }

  return {
    ready: Promise.race([serves(), exitedEarly]),
    exited,
    send(line) {
      const stdin = child?.stdin
      if (hasExited || stdin?.writable !== true) return false
      stdin.write(`${line}\n`)
      return true
    },
    ask,
    kill,
    async gone(ms) {
      const untilMs = Date.now() + ms
      for (let pauseMs = 5; ; pauseMs = longer(pauseMs)) {
        if (isOver && tree.pids().length === 0) return true
        const leftMs = untilMs - Date.now()
        if (leftMs <= 0) return false
        await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)))
      }
    },
    lastLines: () => output.lastLines(),
    note: (line) => output.note(line),
  }
}

/** Left for whoever comes later, as far as there is room for it. */
function leaveExit(file: string, exit: KeeperExit): void {
  try {
    writeFileSync(file, JSON.stringify(exit), { mode: 0o600 })
  } catch {
    // The disk is full or the folder has gone; that must not keep the tree from being ended.
  }
}

function describeExit(
  code: number | null,
  signal: string | null,
  spawnProblem: Error | undefined,
  brokenStream: string | undefined,
): string {
  if (spawnProblem !== undefined) return 'it could not be started'
  if (brokenStream !== undefined) return `it closed its ${brokenStream}`
  return signal === null ? `exit code ${code ?? 'unknown'}` : `killed by ${signal}`
}
