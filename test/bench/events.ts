import type { Cell } from './contest.ts'
import { hold, report } from './contest.ts'
import { rival, startBerths, startOverHttp } from './contestants.ts'
import { findNginx } from './nginx.ts'
import type { Bench, Benchmark } from './scope.ts'
import type { Arguments } from './worker.ts'

/** What an event costs that a worker sends before its answer to a call. */
export const events: Benchmark = {
  name: 'events',
  about: 'events before an answer, over HTTP next to the same proxies, and from stdio',
  run,
}

const modes: Record<string, Arguments & { events: number }> = {
  'as fast as it can': { events: 5000, burst: 10 },
  '10 each millisecond': { events: 2000, burst: 10, pauseMs: 1 },
  'one at a time': { events: 300, burst: 1, pauseMs: 0 },
}

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  const counts = isShort ? [1] : [1, 10]
  const contest = { cells: counts.flatMap(cellsOf), turns: isShort ? 1 : 3, warmUp: 30 }
  const sessions = Math.max(...counts)
  const nginx = await findNginx(bench)
  const overHttp = await hold(bench, {
    start: (turn, clients) => startOverHttp(turn, clients, { sessions, nginx }),
    ...contest,
  })
  report(overHttp, { title: 'Events over HTTP', rival, unit: 'event' })
  const overStdio = await hold(bench, {
    start: (turn, clients) => startBerths(turn, clients, { transport: 'stdio', sessions }),
    ...contest,
  })
  report(overStdio, { title: 'Events from stdio', rival: 'berth before', unit: 'event' })
}

const cellsOf = (sessions: number): Cell[] =>
  Object.entries(modes).map(([name, args]) => ({
    name: `${name}, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
    sessions,
    args,
    calls: sessions === 1 ? 4 : 10,
    events: args.events,
  }))
