import type { Cell, Contestant } from './contest.ts'
import { hold, report } from './contest.ts'
import { startBerths } from './contestants.ts'
import type { Clients } from './driving.ts'
import { workerEntry } from './gateway.ts'
import { besideWorkers } from './measure.ts'
import { startPeers, supergateway } from './peers.ts'
import type { Bench, Benchmark } from './scope.ts'

/** What a call of a stdio server costs in all that stands around the server. */
export const stdio: Benchmark = {
  name: 'stdio',
  about: 'tool calls of stdio servers, next to supergateway and agentgateway',
  run,
}

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  const counts = isShort ? [1, 10] : [1, 10, 50]
  const sessions = Math.max(...counts)
  const results = await hold(bench, {
    start: (turn, clients) => startAll(turn, clients, sessions),
    cells: counts.map(cellOf),
    turns: isShort ? 6 : 10,
    warmUp: 5000,
  })
  report(results, { title: 'Calls of a stdio server', rival: supergateway, unit: 'call' })
}

const cellOf = (sessions: number): Cell => ({
  name: `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
  sessions,
  args: { text: 'hello' },
  calls: 300,
})

async function startAll(bench: Bench, clients: Clients, sessions: number): Promise<Contestant[]> {
  const peers = await startPeers(bench, workerEntry('stdio'))
  const contestants: Contestant[] = []
  for (const { name, pid, url } of peers) {
    const group = await clients.open(Array.from({ length: sessions }, () => url))
    contestants.push({ name, sessions, group, processes: () => besideWorkers(pid) })
  }
  return [...contestants, ...(await startBerths(bench, clients, { transport: 'stdio', sessions }))]
}
