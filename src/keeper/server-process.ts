import type { Readable, Writable } from 'node:stream'

import { watchElsewhere, watchSilence } from './elsewhere.ts'
import { describeExit, leaveExit, seenThrough } from './exit.ts'
import { createBudget } from './budget.ts'
import { createLineSplitter } from './lines.ts'
import { openOutputFile } from './output-file.ts'
import type {
  KeeperExit,
  KeeperFailure,
  KeeperSpec,
  KeeperStarted,
  ListensElsewhere,
  Usage,
} from './protocol.ts'
import { longer, waitUntilListening } from './readiness.ts'
import type { Spawned } from './spawned.ts'
import { signalGroup } from './spawned.ts'
import { problemOfWrapped, whySpawnFailed } from './spawn-problem.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { noTree, onlyChildOf } from '../ground/process-tree.ts'
import { createUsageMeter, hasKilled } from './usage.ts'

/**
 * A message on stdout may be this long; more is not a message but a mistake. It is held several
 * times on its way: as bytes, as text, as an event, and in what waits for its reader.
 */
const messageMaxBytes = 32 * 1024 * 1024

const onFault = tellFault('keeping a server')

/** A server that does not read is told no more when so much waits for it. */
const unreadMaxBytes = 16 * 1024 * 1024
const mebibyte = 1024 * 1024
/** How long a stdio server may live on without one of its streams before it is asked to end … */
const brokenMs = 500
/** … and how long after that it is killed. */
const brokenGraceMs = 1000
/** For what somebody beyond our reach may hold open after the end of the whole tree. */
const lateMs = 500

/** The server that a keeper keeps: one process, its streams, its end. */
export interface ServerProcess {
  /** Settles once, as soon as it is ready or cannot become it. */
  readonly ready: Promise<Readiness>
  /** Settles once, when the process has ended and everything that it wrote has been read. */
  readonly exited: Promise<KeeperExit>
  /** Writes one line to a stdio server; false when it does not read any more. */
  send(line: string): boolean
  /** Reads nothing of what a stdio server writes, so that it has to wait; or goes on. */
  hold(isHeld: boolean): void
  /**
   * Asks it to end: stdin closed, SIGTERM to its process group.
   *
   * @param why said of its end in place of how it ended
   */
  ask(why?: string): void
  /** Whether any process of it lives, whatever was heard of its end. */
  isThere(): boolean
  /** Kills what is left of the tree. */
  kill(): Promise<void>
  /** Settles when nothing of the tree is left, or after `ms`: true if nothing is. */
  gone(ms: number): Promise<boolean>
  lastLines(): string[]
  /** What it has used so far, or had when it ended. */
  usage(): Usage
  note(line: string): void
  /** So many bytes of it have come on another way than its standard output. */
  spent(bytes: number): void
  /** What a stdio server has written without a line end so far. */
  unfinished(): string
}

export type Readiness = { ok: true; started: KeeperStarted } | { ok: false; failure: KeeperFailure }

export interface ServerProcessOptions {
  spec: KeeperSpec
  spawn(spec: KeeperSpec): Spawned
  /** A line of a stdio server's stdout. */
  onLine(line: string): void
}

/** @throws when its output file cannot be opened */
export function startServerProcess(options: ServerProcessOptions): ServerProcess {
  const { spec } = options
  const output = openOutputFile(spec.outputFile, spec.outputMaxBytes)

  let child: Spawned | undefined
  let spawnProblem = problemOfWrapped(spec)
  try {
    if (spawnProblem === undefined) child = options.spawn(spec)
  } catch (thrown) {
    // The usual problems come as 'error'; a missing folder in the path, for one, is thrown.
    spawnProblem = thrown as NodeJS.ErrnoException
  }

  const tree = child?.tree ?? noTree
  const usage = createUsageMeter(tree.pids, child?.reaped)

  /** The process has ended; something of its tree may live and write on. */
  let hasExited = false
  /** What it wrote has been read, too. */
  let isOver = false
  let isAsked = false
  /** Why its keeper has ended it, where that says more than the signal. */
  let endedFor: string | undefined
  let listens: ListensElsewhere | undefined
  let ended: { code: number | null; signal: string | null } = { code: null, signal: null }
  let stdin: Writable | null = null
  let stdout: Readable | null = null

  let settle: (code: number | null, signal: string | null) => void = () => undefined
  const exited = new Promise<KeeperExit>((resolve) => {
    settle = (code, signal) => {
      if (isOver) return
      hasExited = true
      isOver = true
      const seenEnd = seenThrough(code, signal, spec)
      const how = describeExit(seenEnd, spawnProblem, endedFor)
      output.close()
      const seen = { ...seenEnd, how, lastLines: output.lastLines(), usage: usage.atEnd() }
      const isOom = !isAsked && hasKilled(spec.oomFile)
      const exit: KeeperExit = {
        ...seen,
        ...(isOom ? { oom: true } : {}),
        ...(listens === undefined ? {} : { listens }),
      }
      leaveExit(spec.exitFile, exit)
      resolve(exit)
    }
  })
  if (child === undefined) settle(null, null)
  child?.onError((error) => {
    spawnProblem = error
    settle(null, null)
  })
  child?.onExit((code, signal) => {
    hasExited = true
    ended = { code, signal }
    hold(false)
    // It comes when all that was written has been read, and not before everything that holds the
    // streams open has ended. What was asked to end is given its time for that.
    child.onClose(() => settle(code, signal))
    if (!isAsked) inBackground(kill(), onFault)
  })

  const { path, startTimeoutMs } = spec
  const elsewhere = watchElsewhere({ pids: tree.pids, path, port: spec.port, startTimeoutMs })
  const isEnding = (): boolean => hasExited || isAsked
  const silence = watchSilence(elsewhere, { startTimeoutMs, isOver: isEnding }, (found) => {
    listens = found
    end(`it listens on ${found.address}:${found.port} and says nothing on stdio`)
  })
  const lines = createLineSplitter(
    (bytes) => {
      const line = bytes.toString('utf8')
      silence.heard(line)
      options.onLine(line)
    },
    messageMaxBytes,
    () => end(`it wrote a line of more than ${messageMaxBytes / mebibyte} MiB`),
  )
  const budget = createBudget((mebibytes) => {
    end(`what it writes takes more than ${mebibytes} MiB of memory to pass on`)
  })
  inBackground(exited.then(budget.close), onFault)
  child?.onStreams((streams) => {
    streams.stderr?.on('data', guarded(output.stream(), failed))
    if (spec.transport !== 'stdio') {
      streams.stdout?.on('data', guarded(output.stream(), failed))
      return
    }
    stdin = streams.stdin
    // Without a listener its early end would end the keeper.
    stdin?.on('error', () => broken('standard input'))
    stdout = streams.stdout
    read()
  })

  function read(): void {
    const take = (chunk: Buffer): void => {
      lines.push(chunk)
      budget.spent(chunk.length)
    }
    const ends = (): void => {
      lines.end()
      broken('standard output')
    }
    stdout?.on('data', guarded(take, failed))
    stdout?.once('end', guarded(ends, failed))
  }

  /** Nobody knows what state it has left its streams in: it ends, and none beside it. */
  function failed(thrown: unknown): void {
    onFault(thrown)
    if (!isEnding()) end('Berth made a mistake in reading what it wrote')
  }

  /** A server that cannot hear or speak any more serves nobody. Most are about to exit. */
  function broken(stream: string): void {
    setTimeout(() => {
      if (!isEnding()) end(`it closed its ${stream}`)
    }, brokenMs)
  }

  function end(why: string): void {
    ask(why)
    setTimeout(() => inBackground(kill(), onFault), brokenGraceMs)
  }

  /** Of what has ended, or is to, the rest is read: it is not much, and may be an answer. */
  function hold(isHeld: boolean): void {
    if (isHeld && !isEnding()) stdout?.pause()
    else stdout?.resume()
  }

  function ask(why?: string): void {
    isAsked = true
    hold(false)
    if (!hasExited) endedFor ??= why
    usage.look()
    stdin?.end()
    const leader = child?.leader()
    // A wrapper that were asked would take the server down with it, unasked.
    const isWrapper = spec.wrapped?.stays === true && leader !== undefined
    if (!isOver) signalGroup(isWrapper ? onlyChildOf(leader) : leader, 'SIGTERM')
  }

  async function kill(): Promise<void> {
    if (!isOver) signalGroup(child?.leader(), 'SIGKILL')
    await tree.kill()
    setTimeout(() => {
      if (hasExited) settle(ended.code, ended.signal)
    }, lateMs)
  }

  const failure = (
    what: Pick<KeeperFailure, 'code' | 'params' | 'listens'>,
    exit?: KeeperExit,
  ): Readiness => ({
    ok: false,
    failure: {
      ...what,
      exitCode: exit?.code ?? null,
      signal: exit?.signal ?? null,
      lastLines: exit?.lastLines ?? output.lastLines(),
    },
  })

  const exitedEarly = exited.then((exit) =>
    spawnProblem === undefined
      ? failure({ code: 'ERR_WORKERS_EXITED_EARLY', params: { how: exit.how } }, exit)
      : failure(
          {
            code: 'ERR_WORKERS_SPAWN',
            params: { why: whySpawnFailed(spawnProblem, { ...spec, ...spec.wrapped }) },
          },
          exit,
        ),
  )

  const serves = async (): Promise<Readiness> => {
    if (spec.transport === 'stdio') {
      await new Promise<void>((resolve) => child?.onSpawn(resolve))
      return ready({ address: null, warning: null })
    }
    const listened = await waitUntilListening({
      port: spec.port ?? 0,
      startTimeoutMs,
      pids: tree.pids,
      hasExited: () => hasExited,
      elsewhere,
    })
    if (listened === undefined) return exitedEarly
    if ('code' in listened) return failure(listened)
    return ready(listened)
  }

  function ready(started: Pick<KeeperStarted, 'address' | 'warning'>): Readiness {
    const init = child?.init()
    const pid = child?.leader() ?? 0
    return { ok: true, started: { pid, ...(init === undefined ? {} : { init }), ...started } }
  }

  return {
    ready: Promise.race([serves(), exitedEarly]),
    exited,
    send(line) {
      if (hasExited || stdin?.writable !== true || stdin.writableLength > unreadMaxBytes)
        return false
      stdin.write(`${line}\n`)
      silence.asked()
      return true
    },
    hold,
    isThere: () => tree.pids().length > 0,
    ask,
    kill,
    async gone(ms) {
      const untilMs = Date.now() + ms
      for (let pauseMs = 5; ; pauseMs = longer(pauseMs)) {
        const isEmpty = hasExited && tree.pids().length === 0
        if (isEmpty && isOver) return true
        if (isEmpty) child?.letGo()
        const leftMs = untilMs - Date.now()
        if (leftMs <= 0) return false
        await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)))
      }
    },
    lastLines: () => output.lastLines(),
    usage: () => usage.look(),
    note: (line) => output.note(line),
    spent: (bytes) => budget.spent(bytes),
    unfinished: () => lines.unfinished(),
  }
}
