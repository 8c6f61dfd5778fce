import type { LoadPlan } from '../../src/load/drive/plan.ts'
import { readHistogram } from '../../src/load/drive/measure.ts'
import { runLoad } from '../../src/load/drive/run.ts'
import { drawSeed } from '../../src/load/search/canaries.ts'
import { compiled } from '../support/config.ts'
import { table } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { startTarget } from './targets.ts'

/** What one process of the load test can drive: its own sessions, next to a server that does nothing. */
export const driver: Benchmark = {
  name: 'driver',
  about: 'the load test itself: 2 000 sessions with open streams, as many calls as it can',
  run,
}

const sessions = 2000
const durationMs = 10_000
const barPerSecond = 3000

async function run(bench: Bench): Promise<void> {
  const toy = startTarget(bench, { command: [process.execPath, compiled('test/bench/toy.js')] })
  const plan: LoadPlan = {
    url: await toy.line(),
    seed: drawSeed(),
    firstNumber: 0,
    stride: 1,
    sessions,
    profile: 'calls',
    ratePerSecond: null,
    durationMs,
    calls: null,
    users: [{ name: 'anybody', headers: {} }],
    timeoutMs: 60_000,
    openAtOnce: 32,
    chaos: null,
  }
  let atOpenedUs = process.cpuUsage()
  let isOpen = false
  let openStreams = 0
  const { evidence, measure, loadMs } = await runLoad(plan, {
    signal: bench.signal,
    onSnapshot({ phase, open }) {
      if (phase === 'opening') atOpenedUs = process.cpuUsage()
      if (phase === 'load' && !isOpen) {
        isOpen = true
        openStreams = open
      }
    },
  })
  const { user, system } = process.cpuUsage(atOpenedUs)
  const calls = readHistogram(measure.histograms['call'] ?? '').totalCount
  const cpuUs = user + system
  const perSecond = (calls * 1000) / loadMs
  table(
    `The driver of the load test: ${openStreams} sessions, ${measure.counts.streamsOpened} streams`,
    [
      {
        name: 'one process',
        'calls/s': perSecond.toFixed(0),
        'calls/s of its own CPU time': ((calls * 1e6) / cpuUs).toFixed(0),
        'CPU µs per call': (cpuUs / calls).toFixed(0),
        'memory MiB': (process.memoryUsage.rss() / 1024 ** 2).toFixed(0),
        'searched MiB': (evidence.bytesSearched / 1024 ** 2).toFixed(0),
        leaks: String(evidence.leakCount),
      },
    ],
  )
  const met = (calls * 1e6) / cpuUs >= barPerSecond ? 'met' : 'MISSED'
  bench.say(`  bar ${barPerSecond} calls/s on one core: ${met}`)
}
