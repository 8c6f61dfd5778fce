import { expectOk, openSession } from './client.ts'
import type { Session } from './client.ts'
import { cpuUs, inTurn, median, rounds } from './measure.ts'
import { findNginx } from './nginx.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import type { Contestant } from './targets.ts'
import { startContestants } from './targets.ts'

/** What an event costs that a worker sends in its answer to a call. */
export const events: Benchmark = {
  name: 'events',
  about: 'server-sent events, next to a bare proxy',
  run,
}

const modes = {
  flood: { what: '10 at once, as fast as it can', events: 5000, burst: 10 },
  paced: { what: '10 at once, each millisecond', events: 3000, burst: 10, pauseMs: 1 },
  single: { what: 'one at a time', events: 300, burst: 1, pauseMs: 0 },
}
type Mode = keyof typeof modes
const modeNames = Object.keys(modes) as Mode[]

interface Runner extends Contestant {
  session: Session
  cpuUs: Record<Mode, number[]>
  perSecond: Record<Mode, number[]>
}

async function run(bench: Bench): Promise<void> {
  const { direct, bare, berth, others } = await startContestants(bench, await findNginx(bench))
  const runners: Runner[] = []
  const contestants: Contestant[] = [direct, bare, berth, ...others]
  for (const contestant of contestants) {
    const session = contestant.session ?? (await openSession(bench, contestant.url))
    const none = (): Record<Mode, number[]> => ({ flood: [], paced: [], single: [] })
    const runner = { ...contestant, session, cpuUs: none(), perSecond: none() }
    for (let turn = 0; turn < 3; turn += 1) await stream(runner, 'flood')
    runners.push({ ...runner, cpuUs: none(), perSecond: none() })
  }
  for (const round of rounds(15, 40_000)) {
    for (const mode of modeNames) {
      for (const runner of inTurn(runners, round)) await stream(runner, mode)
    }
  }
  report(runners)
}

let id = 0

async function stream(runner: Runner, mode: Mode): Promise<void> {
  const wanted = modes[mode]
  const beforeUs = cpuUs(runner.pid)
  const startedMs = performance.now()
  const reply = await runner.session.connection.ask(runner.session.call((id += 1), wanted))
  const tookMs = performance.now() - startedMs
  runner.cpuUs[mode].push((cpuUs(runner.pid) - beforeUs) / wanted.events)
  runner.perSecond[mode].push(wanted.events / (tookMs / 1000))
  expectOk(reply)
  const got = reply.text().split('\ndata:').length - 1
  if (got !== wanted.events + 1) throw new Error(`${runner.name} relayed ${got} events`)
}

function report(runners: Runner[]): void {
  const [direct, bare, berth] = runners
  if (direct === undefined || bare === undefined || berth === undefined) return
  const ofBare = (runner: Runner, mode: Mode): number =>
    median(runner.cpuUs[mode]) / median(bare.cpuUs[mode])
  for (const mode of modeNames) {
    const { what, events: count } = modes[mode]
    table(
      `Events, ${what}: medians of ${direct.cpuUs[mode].length} streams of ${count}`,
      runners.map((runner) => ({
        name: runner.name,
        ...(runner === direct
          ? {}
          : {
              'CPU µs per event': median(runner.cpuUs[mode]).toFixed(1),
              'of bare': ofBare(runner, mode).toFixed(2),
            }),
        'events/s': median(runner.perSecond[mode]).toFixed(0),
      })),
    )
    const figure = ofBare(berth, mode)
    verdict({ what: 'CPU per event', figure, bar: 1, goal: 0.5, unit: 'of bare', digits: 2 })
  }
}
