import { initLocalIssuer, signLocalToken } from '../../src/auth/local-issuer.ts'
import { compiled } from '../support/config.ts'
import { tempDir } from '../support/temp.ts'
import type { BerthOptions } from './berth.ts'
import type { Connection, Session } from './client.ts'
import { expectOk, openSession } from './client.ts'
import { cpuUs, inTurn, median, rounds } from './measure.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { startTarget, worker } from './targets.ts'

/** What it costs that every call brings a token. */
export const jwt: Benchmark = {
  name: 'jwt',
  about: 'tool calls with a token that is checked, next to the same without',
  run,
}

const lanes = 8
const callsTogether = 1000

interface Runner {
  name: string
  pid: number
  session: Session
  connections: Connection[]
  cpuUs: number[]
}

async function run(bench: Bench): Promise<void> {
  const runners = [
    await prepare(bench, 'without a token'),
    await prepare(bench, 'with a token', true),
  ]
  for (const runner of runners) for (let turn = 0; turn < 5; turn += 1) await callTogether(runner)
  for (const runner of runners) runner.cpuUs = []
  for (const round of rounds(40, 40_000)) {
    for (const runner of inTurn(runners, round)) await callTogether(runner)
  }
  report(runners)
}

async function prepare(bench: Bench, name: string, wantsToken = false): Promise<Runner> {
  const stateDir = tempDir(bench)
  const issuer = await initLocalIssuer(stateDir, 'http://127.0.0.1:8081/identity')
  const token = wantsToken
    ? { token: await signLocalToken(issuer, { sub: 'bench', aud: 'bench' }, 3600) }
    : {}
  const servers = { http: { command: ['node', worker] as [string, string], http: true } }
  const options: BerthOptions = { stateDir, servers, wantsToken }
  const target = startTarget(bench, {
    command: [process.execPath, compiled('test/bench/berth.js'), JSON.stringify(options)],
  })
  const session = await openSession(bench, `${await target.line()}/servers/http/mcp`, token)
  const connections = [session.connection]
  while (connections.length < lanes) connections.push(await session.connect())
  return { name, pid: target.pid, session, connections, cpuUs: [] }
}

let id = 0

async function callTogether(runner: Runner): Promise<void> {
  const beforeUs = cpuUs(runner.pid)
  let left = callsTogether
  const lane = async (connection: Connection): Promise<void> => {
    while (left > 0) {
      left -= 1
      expectOk(await connection.ask(runner.session.call((id += 1), { text: 'hello' })))
    }
  }
  await Promise.all(runner.connections.map(lane))
  runner.cpuUs.push((cpuUs(runner.pid) - beforeUs) / callsTogether)
}

function report([without, withToken]: Runner[]): void {
  if (without === undefined || withToken === undefined) return
  // Of each round the difference, and of those the median: a slow moment slows a whole round.
  const added = median(withToken.cpuUs.map((us, round) => us - (without.cpuUs[round] ?? us)))
  table(
    `A token for every call: medians of ${without.cpuUs.length} turns of ${callsTogether}`,
    [without, withToken].map(({ name, cpuUs: us }) => ({ name, 'CPU µs': median(us).toFixed(1) })),
  )
  verdict({ what: 'CPU of a token per call', figure: added, bar: 10, unit: 'µs', digits: 1 })
}
