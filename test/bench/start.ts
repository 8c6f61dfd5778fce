import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { freePort } from '../support/free-port.ts'
import { initializeMessage, openConnection, openSession, postOf } from './client.ts'
import type { Build, ServerEntry } from './gateway.ts'
import { startBuilds } from './gateway.ts'
import { besideWorkers, calm, inTurn, median, readCpu, rounds, usedUs } from './measure.ts'
import { startPeers } from './peers.ts'
import { table } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import type { Started } from './servers.ts'
import { startAhead, startedServers } from './servers.ts'
import { untilListening } from './targets.ts'

/** How long a client waits for a new session, and what opening it costs beside the worker. */
export const start: Benchmark = {
  name: 'start',
  about: 'initialize of new sessions, alone and ten at once, next to starting the server by hand',
  run,
}

/** Somebody who starts a server for whoever wants it. */
interface Starter {
  name: string
  /** Whose processor time counts, where anybody stands beside the server. */
  pid: number | undefined
  /** @returns what ends it */
  open(turn: Bench): Promise<() => Promise<void>>
  aloneMs: number[]
  togetherMs: number[]
  cpuMs: number[]
}

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  for (const server of await startedServers(bench)) {
    const turn = createBench(bench.signal, bench.options)
    bench.after(() => turn.end())
    try {
      const starters = await startersOf(turn, server)
      // The first of each finds nothing in the caches of the system.
      for (const starter of starters) await timeOf(turn, starter, 1)
      for (const round of rounds(isShort ? 3 : 7, isShort ? 5000 : 30_000)) {
        for (const starter of inTurn(starters, round)) await startBy(turn, starter, server.atOnce)
      }
      report(server, starters)
    } finally {
      await turn.end()
    }
  }
}

async function startersOf(bench: Bench, server: Started): Promise<Starter[]> {
  const { entry } = server
  const none = { aloneMs: [], togetherMs: [], cpuMs: [] }
  const byHand = entry.transport === 'http' ? startHttp : startStdio
  const served = [
    ...(entry.transport === 'http' ? [] : await startPeers(bench, entry)),
    ...(await startBuilds(bench, { tiny: entry })).map(atServer),
    ...(await startAhead(bench, server)).map(atServer),
  ]
  return [
    { name: 'by hand', pid: undefined, open: (turn) => byHand(turn, entry), ...none },
    ...served.map(({ name, pid, url }) => ({
      name,
      pid,
      async open(turn: Bench) {
        const session = await openSession(turn, url, { announce: false })
        return () => session.remove()
      },
      ...structuredClone(none),
    })),
  ]
}

const atServer = ({ name, pid, url }: Build) => ({ name, pid, url: url('tiny') })

async function startBy(bench: Bench, starter: Starter, atOnce: number): Promise<void> {
  const alone = await timeOf(bench, starter, 1)
  const together = await timeOf(bench, starter, atOnce)
  starter.aloneMs.push(alone.tookMs)
  starter.togetherMs.push(together.tookMs)
  starter.cpuMs.push(together.cpuMs / atOnce)
}

/** Until the last of them has its answer. */
async function timeOf(
  bench: Bench,
  { pid, open }: Starter,
  count: number,
): Promise<{ tookMs: number; cpuMs: number }> {
  const { signal } = bench
  // A session's sockets, and a server that was started by hand, go before the next turn.
  const turn = createBench(signal)
  try {
    if (pid !== undefined) await calm(pid, signal)
    const before = readCpu(pid === undefined ? [] : besideWorkers(pid))
    const startedMs = performance.now()
    const ends = await Promise.all(Array.from({ length: count }, () => open(turn)))
    const tookMs = performance.now() - startedMs
    if (pid !== undefined) await calm(pid, signal)
    const cpuMs = usedUs(before, readCpu(pid === undefined ? [] : besideWorkers(pid))) / 1000
    await Promise.all(ends.map((end) => end()))
    return { tookMs, cpuMs }
  } finally {
    await turn.end()
  }
}

async function startHttp(turn: Bench, entry: ServerEntry): Promise<() => Promise<void>> {
  const port = await freePort()
  const { end } = spawnServer(turn, entry, { PORT: String(port) })
  await untilListening(port, turn.signal)
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  const connection = await openConnection(turn, url)
  await connection.ask(postOf(url, initializeMessage))
  return end
}

async function startStdio(turn: Bench, entry: ServerEntry): Promise<() => Promise<void>> {
  const { server, end } = spawnServer(turn, entry, {})
  server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...initializeMessage })}\n`)
  await once(createInterface(server.stdout), 'line')
  return end
}

function spawnServer(
  turn: Bench,
  { command, args = [] }: ServerEntry,
  env: Record<string, string>,
) {
  const server = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], ...env },
  })
  const ended = once(server, 'exit')
  const end = async (): Promise<void> => {
    server.kill('SIGKILL')
    await ended
  }
  turn.after(end)
  return { server, end }
}

function report({ name: server, atOnce }: Started, starters: Starter[]): void {
  const [byHand] = starters
  const ms = (values: number[]): string => median(values).toFixed(0)
  // Of each round the ratio, and of those the median: a slow moment slows a whole round.
  const of = (own: number[], other: number[] = []): string =>
    median(own.map((value, round) => value / (other[round] ?? Number.NaN))).toFixed(2)
  table(
    `Opening sessions of a server (${server}): medians of ${byHand?.aloneMs.length} rounds`,
    starters.map((starter) => ({
      name: starter.name,
      'alone, ms': ms(starter.aloneMs),
      'of by hand': of(starter.aloneMs, byHand?.aloneMs),
      [`${atOnce} at once, ms`]: ms(starter.togetherMs),
      'of by hand ': of(starter.togetherMs, byHand?.togetherMs),
      'CPU ms of each, beside the server':
        starter.pid === undefined ? '' : median(starter.cpuMs).toFixed(1),
    })),
  )
}
