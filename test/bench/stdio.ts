import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import type { Cell, Contestant } from './contest.ts'
import { hold, report } from './contest.ts'
import { startBerths } from './contestants.ts'
import type { Clients } from './driving.ts'
import { besideWorkers, workerMark } from './measure.ts'
import type { Bench, Benchmark } from './scope.ts'
import { startTarget, untilListening, worker } from './targets.ts'

/** What a call of a stdio server costs in all that stands around the server. */
export const stdio: Benchmark = {
  name: 'stdio',
  about: 'tool calls of stdio servers, next to supergateway and agentgateway',
  run,
}

const rival = 'supergateway'

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  const counts = isShort ? [1, 10] : [1, 10, 50]
  const sessions = Math.max(...counts)
  const results = await hold(bench, {
    start: async (turn, clients) => [
      await startSupergateway(turn, clients, sessions),
      ...(await startBerths(turn, clients, { transport: 'stdio', sessions })),
    ],
    cells: counts.map(cellOf),
    turns: isShort ? 6 : 10,
    warmUp: 5000,
  })
  report(results, { title: 'Calls of a stdio server', rival, unit: 'call' })
}

const cellOf = (sessions: number): Cell => ({
  name: `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
  sessions,
  args: { text: 'hello' },
  calls: 300,
})

async function startSupergateway(
  bench: Bench,
  clients: Clients,
  sessions: number,
): Promise<Contestant> {
  const port = await freePort()
  const { resolve } = createRequire(import.meta.url)
  const main = join(dirname(resolve('supergateway/package.json')), 'dist/index.js')
  const { pid } = startTarget(bench, {
    command: [
      process.execPath,
      main,
      ...['--stdio', `${process.execPath} ${worker} ${workerMark}`],
      ...['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)],
      // By default it writes every message down; without that it is at its best.
      ...['--logLevel', 'none'],
    ],
  })
  await untilListening(port, bench.signal)
  const urls = Array.from({ length: sessions }, () => `http://127.0.0.1:${port}/mcp`)
  const processes = (): number[] => besideWorkers(pid)
  return { name: rival, sessions, processes, group: await clients.open(urls) }
}
