import { expectOk, openSession } from './client.ts'
import type { Connection, Session } from './client.ts'
import { cpuUs, inTurn, median, rounds } from './measure.ts'
import { findNginx } from './nginx.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import type { Contestant } from './targets.ts'
import { startContestants } from './targets.ts'

/** What a call costs on its way: time alone, and processor time of what stands in between. */
export const calls: Benchmark = {
  name: 'calls',
  about: 'tool calls over HTTP, next to a bare proxy',
  run,
}

const lanes = 8
const callsAlone = 25
const callsTogether = 1000

interface Runner extends Contestant {
  session: Session
  connections: Connection[]
  /** Microseconds of a call, medians of a turn. */
  aloneUs: number[]
  cpuUs: number[]
  togetherUs: number[]
}

async function run(bench: Bench): Promise<void> {
  const { direct, bare, berth, others } = await startContestants(bench, await findNginx(bench))
  const runners: Runner[] = []
  const contestants: Contestant[] = [direct, bare, berth, ...others]
  for (const contestant of contestants) {
    runners.push(await prepare(bench, contestant))
  }
  // Short turns in changing order, so that what else the machine does falls on all alike.
  for (const round of rounds(400, 25_000)) {
    for (const runner of inTurn(runners, round)) await callAlone(runner)
  }
  for (const round of rounds(25, 25_000)) {
    for (const runner of inTurn(runners, round)) await callTogether(runner)
  }
  report(runners)
}

async function prepare(bench: Bench, contestant: Contestant): Promise<Runner> {
  const session = contestant.session ?? (await openSession(bench, contestant.url))
  const connections = [session.connection]
  while (connections.length < lanes) connections.push(await session.connect())
  const runner = { ...contestant, session, connections, aloneUs: [], cpuUs: [], togetherUs: [] }
  for (let turn = 0; turn < 5; turn += 1) await callTogether(runner)
  return { ...runner, cpuUs: [], togetherUs: [] }
}

let id = 0
const nextCall = ({ session }: Runner): string => session.call((id += 1), { text: 'hello' })

async function callAlone(runner: Runner): Promise<void> {
  const times: number[] = []
  for (let at = 0; at < callsAlone; at += 1) {
    const startedMs = performance.now()
    expectOk(await runner.session.connection.ask(nextCall(runner)))
    times.push((performance.now() - startedMs) * 1000)
  }
  runner.aloneUs.push(median(times))
}

async function callTogether(runner: Runner): Promise<void> {
  const beforeUs = cpuUs(runner.pid)
  const startedMs = performance.now()
  let left = callsTogether
  const lane = async (connection: Connection): Promise<void> => {
    while (left > 0) {
      left -= 1
      expectOk(await connection.ask(nextCall(runner)))
    }
  }
  await Promise.all(runner.connections.map(lane))
  runner.togetherUs.push(((performance.now() - startedMs) * 1000) / callsTogether)
  runner.cpuUs.push((cpuUs(runner.pid) - beforeUs) / callsTogether)
}

function report(runners: Runner[]): void {
  const [direct, bare, berth] = runners
  if (direct === undefined || bare === undefined || berth === undefined) return
  // Of each round the difference, and of those the median: a slow moment slows a whole round.
  const addedUs = (runner: Runner): number =>
    median(runner.aloneUs.map((us, round) => us - (direct.aloneUs[round] ?? us)))
  const ofBare = (figure: (runner: Runner) => number, runner: Runner): number =>
    figure(runner) / figure(bare)
  const cpu = (runner: Runner): number => median(runner.cpuUs)

  table(
    `Calls over HTTP: medians of ${direct.aloneUs.length} turns of ${callsAlone} and ${direct.cpuUs.length} of ${callsTogether}`,
    runners.map((runner) => ({
      name: runner.name,
      'µs, 1 in flight': median(runner.aloneUs).toFixed(0),
      ...(runner === direct
        ? {}
        : {
            'added µs': addedUs(runner).toFixed(0),
            'of bare': ofBare(addedUs, runner).toFixed(2),
            'CPU µs, 8 in flight': cpu(runner).toFixed(0),
            'of bare ': ofBare(cpu, runner).toFixed(2),
          }),
      'calls/s, 8 in flight': (1e6 / median(runner.togetherUs)).toFixed(0),
    })),
  )
  const limits = { bar: 1, goal: 0.75, unit: 'of bare', digits: 2 }
  verdict({ what: 'added time per call', figure: ofBare(addedUs, berth), ...limits })
  verdict({ what: 'CPU per call', figure: ofBare(cpu, berth), ...limits })
}
