import { execFileSync } from 'node:child_process'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tempDir } from '../support/temp.ts'
import type { Session } from './client.ts'
import { expectOk, openSession } from './client.ts'
import { cpuUs, memoryKib, quantile, sum, treeOf } from './measure.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import type { Berth } from './targets.ts'
import { startBerth } from './targets.ts'

/** Whether the two-thousandth session is opened and called as fast as the hundredth. */
export const many: Benchmark = {
  name: 'many',
  about:
    'opening, calling and idling with 100, 500, 1 000 and 2 000 sessions of a server in C; only when named',
  isLong: true,
  run,
}

const levels = [100, 500, 1000, 2000]
const atOnce = 4
const opens = 40
const calls = 1000
const idleMs = 5000
/** What a session may take with its keeper. */
const sessionKib = 9 * 1024

const source = join(import.meta.dirname, ...['..', '..', '..', 'test', 'bench', 'small-server.c'])

interface Level {
  sessions: number
  openMs: number[]
  /** Processor time of the gateway. */
  openUs: number
  callMs: number[]
  callUs: number
  /** Of a core, in percent. */
  idle: number
  idleOfAll: number
  pssKib: number
}

async function run(bench: Bench): Promise<void> {
  const program = join(tempDir(bench), 'small-server')
  execFileSync('cc', ['-O2', '-o', program, source])
  const berth = await startBerth(bench, { small: { command: [program] } })
  const sessions: Session[] = []
  const found: Level[] = []
  for (const level of levels) {
    if ((freemem() / 1024) * 0.8 < (level - sessions.length) * sessionKib) {
      bench.say(`without ${level} sessions, for want of memory`)
      break
    }
    await fill(bench, berth, sessions, level)
    found.push(await measure(bench, berth, sessions))
  }
  report(found)
}

async function fill(bench: Bench, berth: Berth, sessions: Session[], upTo: number): Promise<void> {
  let left = upTo - sessions.length
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const session = await openSession(bench, berth.url('small'))
      sessions.push(session)
      await session.listen()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  // What the last ones have begun is done.
  await sleep(2000)
}

async function measure(bench: Bench, berth: Berth, sessions: Session[]): Promise<Level> {
  const { pid } = berth
  const openMs: number[] = []
  let before = cpuUs(pid)
  for (let turn = 0; turn < opens; turn += 1) {
    const own = createBench(bench.signal)
    const startMs = performance.now()
    const session = await openSession(own, berth.url('small'), { announce: false })
    openMs.push(performance.now() - startMs)
    await session.remove()
    await own.end()
  }
  const openUs = (cpuUs(pid) - before) / opens
  const callMs: number[] = []
  before = cpuUs(pid)
  for (let turn = 0; turn < calls; turn += 1) {
    const session = sessions[Math.floor((turn * sessions.length) / calls)]
    if (session === undefined) break
    const startMs = performance.now()
    expectOk(await session.connection.ask(session.call(turn + 1, {})))
    callMs.push(performance.now() - startMs)
  }
  const callUs = (cpuUs(pid) - before) / calls
  await sleep(1000)
  const ofAll = (): number => sum(treeOf(pid).map(cpuUs))
  const [own, all] = [cpuUs(pid), ofAll()]
  await sleep(idleMs)
  const share = (us: number): number => (us / 1000 / idleMs) * 100
  const idle = share(cpuUs(pid) - own)
  const idleOfAll = share(ofAll() - all)
  const { pss: pssKib } = memoryKib(pid)
  return { sessions: sessions.length, openMs, openUs, callMs, callUs, idle, idleOfAll, pssKib }
}

function report(found: Level[]): void {
  const half = (values: number[]): number => quantile(values, 0.5)
  table(
    'A server in C over stdio, each session with an open GET; processor time is the gateway’s',
    found.map((level) => ({
      name: `${level.sessions} sessions`,
      'initialize, ms p50': half(level.openMs).toFixed(1),
      p90: quantile(level.openMs, 0.9).toFixed(1),
      'CPU, ms, with its end': (level.openUs / 1000).toFixed(1),
      'call, ms p50': half(level.callMs).toFixed(2),
      'p90 ': quantile(level.callMs, 0.9).toFixed(2),
      'CPU, µs': level.callUs.toFixed(0),
      'idle, % of a core': level.idle.toFixed(2),
      'all processes': level.idleOfAll.toFixed(1),
      'MiB PSS': (level.pssKib / 1024).toFixed(0),
    })),
  )
  const [first, last] = [found[0], found.at(-1)]
  if (first === undefined || last === undefined || first === last) return
  const of = `${last.sessions} of ${first.sessions} sessions`
  const shape = { unit: `times as much, ${of}`, digits: 2, bar: 1.1 }
  const ratio = (figure: (level: Level) => number): number => figure(last) / figure(first)
  verdict({ what: 'initialize', figure: ratio(({ openMs }) => half(openMs)), ...shape })
  verdict({ what: 'its CPU', figure: ratio(({ openUs }) => openUs), ...shape })
  verdict({ what: 'a call', figure: ratio(({ callMs }) => half(callMs)), ...shape })
  verdict({ what: 'CPU when idle', figure: last.idle, bar: 2, unit: '% of a core', digits: 2 })
}
