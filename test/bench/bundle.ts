import { openSession } from './client.ts'
import type { Cell, Contestant } from './contest.ts'
import { hold, report } from './contest.ts'
import type { Clients } from './driving.ts'
import { startGateway, workerEntry } from './gateway.ts'
import { calm, memoryKib, workersBelow } from './measure.ts'
import { verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import type { AnswerKind } from './worker.ts'

/** What it costs that a server is reached through a bundle. */
export const bundle: Benchmark = {
  name: 'bundle',
  about: 'calls through a bundle, next to the same calls without, and what an idle session takes',
  run,
}

const rival = 'alone'
const kinds: Record<string, AnswerKind> = { JSON: 'length', SSE: 'sse' }
const members = 12
const idleSessions = 1000
const openAtOnce = 4
const sessionKib = 150

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  const counts = isShort ? [1, 10] : [1, 10, 50]
  const results = await hold(bench, {
    start: (turn, clients) => startBoth(turn, clients, Math.max(...counts)),
    cells: Object.entries(kinds).flatMap(([name, as]) =>
      counts.map((sessions): Cell => ({
        name: `${name}, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
        sessions,
        args: { text: 'hello', as },
        calls: 300,
      })),
    ),
    turns: isShort ? 6 : 10,
    warmUp: 5000,
  })
  report(results, { title: 'Calls through a bundle', rival, unit: 'call' })
  await weigh(bench)
}

/** The same gateway both ways, and as many workers behind each. */
async function startBoth(bench: Bench, clients: Clients, sessions: number): Promise<Contestant[]> {
  const gateway = await startGateway(bench, {
    servers: { tiny: workerEntry('http') },
    bundles: { team: { servers: '*', prefixes: { tiny: '' } } },
  })
  const { pid } = gateway
  const started: Contestant[] = []
  for (const [name, url] of [
    [rival, gateway.url('tiny')],
    ['bundle', gateway.bundle('team')],
  ] as const) {
    const group = await clients.open(Array.from({ length: sessions }, () => url))
    started.push({ name, sessions, group, processes: () => [pid] })
  }
  return started
}

/** Sessions whose client listens, of a bundle of which they have used nothing yet. */
async function weigh(bench: Bench): Promise<void> {
  const turn = createBench(bench.signal, bench.options)
  bench.after(() => turn.end())
  try {
    const names = Array.from({ length: members }, (_, at) => `tiny${at}`)
    const servers = Object.fromEntries(names.map((name) => [name, workerEntry('stdio')]))
    const gateway = await startGateway(turn, { servers, bundles: { team: { servers: '*' } } })
    const { pid } = gateway
    // What its servers have is learnt by the first session.
    const first = await openSession(turn, gateway.bundle('team'))
    await first.remove()
    const pss = async (): Promise<number> => {
      await calm(pid, turn.signal)
      await gateway.collect()
      return memoryKib(pid).pss
    }
    await openSessions(turn, gateway.bundle('team'), 5)
    const before = await pss()
    await openSessions(turn, gateway.bundle('team'), idleSessions)
    const figure = ((await pss()) - before) / idleSessions
    process.stdout.write(
      `\n${idleSessions} idle sessions of a bundle of ${members} servers, each with an open GET: ${workersBelow(pid).length} workers\n`,
    )
    verdict({ what: 'of each in the gateway', figure, bar: sessionKib, unit: 'KiB', digits: 0 })
  } finally {
    await turn.end()
  }
}

async function openSessions(bench: Bench, url: string, sessions: number): Promise<void> {
  let left = sessions
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const session = await openSession(bench, url)
      await session.listen()
    }
  }
  await Promise.all(Array.from({ length: openAtOnce }, lane))
}
