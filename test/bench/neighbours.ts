import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { expectOk, openSession, postOf } from './client.ts'
import type { Session } from './client.ts'
import { quantile } from './measure.ts'
import { table, verdict } from './report.ts'
import { findTools } from './sandbox.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import { startBerth, worker } from './targets.ts'

/** What 20 sessions notice while four others burn, fill and fork, with limits and without. */
export const neighbours: Benchmark = {
  name: 'neighbours',
  about: 'latency of 20 sessions while others burn CPU, fill memory, fork and fill the disk',
  run,
}

const sessions = 20
const callEveryMs = 100
/**
 * Between two attempts of one of the greedy. A session that was killed is opened anew, and to open
 * sessions without end is another story: starting them is not limited.
 */
const pauseMs = 2000
const phaseMs = 8000
type Phase = 'quiet' | 'limited' | 'unlimited'
/** In turns, because the machine is not the same all the time. */
const order: Phase[] = ['quiet', 'limited', 'quiet', 'limited', 'quiet', 'unlimited', 'quiet']
const mib = 1024 ** 2

const limits = { memoryBytes: 192 * mib, cpus: 0.25, pids: 64, diskBytes: 64 * mib }
/** Bounded, because without limits nothing else bounds them. */
const greed = {
  'burn-cpu': 5000,
  'fill-memory': 1024 * mib,
  'fork-bomb': 400,
  'fill-disk': 512 * mib,
}

async function run(bench: Bench): Promise<void> {
  const path = await findTools(bench)
  if (path === undefined) return
  process.env['PATH'] = path
  const probe: TestServer = {
    command: ['node', compiled('src/load/probes/isolation-probe.js')],
    driver: 'sandbox',
    env: { PATH: path },
  }
  const berth = await startBerth(bench, {
    tiny: { command: ['node', worker], driver: 'sandbox' },
    limited: { ...probe, limits },
    unlimited: probe,
  })
  const quiet: Session[] = []
  for (let at = 0; at < sessions; at += 1) {
    quiet.push(await openSession(bench, berth.url('tiny')))
  }
  const taken: Record<Phase, number[]> = { quiet: [], limited: [], unlimited: [] }
  await latencies(quiet)
  for (const phase of order) {
    const turn = createBench(bench.signal)
    const stop = new AbortController()
    try {
      const greedy = phase === 'quiet' ? [] : Object.entries(greed)
      const url = new URL(berth.url(phase === 'quiet' ? 'tiny' : phase))
      const running = greedy.map(([attempt, target]) =>
        beGreedy(turn, url, { attempt, target, signal: stop.signal }),
      )
      if (running.length > 0) await sleep(3000)
      taken[phase].push(...(await latencies(quiet)))
      stop.abort()
      await Promise.all(running)
    } finally {
      await turn.end()
    }
  }
  report(taken)
}

/** How long each call took, from when it was due. */
async function latencies(open: Session[]): Promise<number[]> {
  const taken: number[] = []
  const startMs = performance.now()
  let id = 0
  await Promise.all(
    open.map(async ({ connection, call }, index) => {
      let dueMs = startMs + (index * callEveryMs) / open.length
      while (dueMs < startMs + phaseMs) {
        const waitMs = dueMs - performance.now()
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
        const fromMs = Math.max(dueMs, startMs)
        expectOk(await connection.ask(call((id += 1), { text: 'x' })))
        taken.push(performance.now() - fromMs)
        dueMs += callEveryMs
      }
    }),
  )
  return taken
}

/** Tries again and again; a session that is killed for it is replaced. */
async function beGreedy(
  turn: Bench,
  url: URL,
  { attempt, target, signal }: { attempt: string; target: number; signal: AbortSignal },
): Promise<void> {
  let session: Session | undefined
  for (let id = 1; !signal.aborted; id += 1) {
    try {
      session ??= await openSession(turn, url.href)
      const params = { name: 'attempt', arguments: { name: attempt, target } }
      const message = { id, method: 'tools/call', params }
      const reply = await session.connection.ask(postOf(url, message, session.id))
      if (reply.statusCode !== 200 || reply.text().includes('"error"')) session = undefined
    } catch {
      session = undefined
    }
    await sleep(pauseMs)
  }
  await session?.remove().catch(() => undefined)
}

const names: Record<Phase, string> = {
  quiet: 'by themselves',
  limited: 'beside greedy ones with limits',
  unlimited: 'beside greedy ones without limits',
}

function report(taken: Record<Phase, number[]>): void {
  const ms = (phase: Phase, share: number): string => quantile(taken[phase], share).toFixed(1)
  const ofQuiet = (phase: Phase): number =>
    quantile(taken[phase], 0.99) / quantile(taken.quiet, 0.99)
  const phases = Object.keys(names) as Phase[]
  table(
    `Calls of ${sessions} sessions, ten a second each, ${taken.quiet.length} of them by themselves`,
    phases.map((phase) => ({
      name: names[phase],
      'p50 ms': ms(phase, 0.5),
      'p99 ms': ms(phase, 0.99),
      'of quiet': ofQuiet(phase).toFixed(1),
      'max ms': ms(phase, 1),
    })),
  )
  verdict({
    what: 'p99 with limits',
    figure: ofQuiet('limited'),
    bar: 2,
    unit: 'of quiet',
    digits: 2,
  })
}
