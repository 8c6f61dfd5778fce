import { openSession } from './client.ts'
import type { Entry, ServerEntry } from './gateway.ts'
import { startBuilds, workerEntry } from './gateway.ts'
import { besideWorkers, calm, median, memoryKib, sum, workersBelow } from './measure.ts'
import { startPeers } from './peers.ts'
import { table } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import { pythonWorker, serverInC, startAhead, startedServers } from './servers.ts'
import { startWorker } from './targets.ts'

/** What a session costs beside its worker that does nothing but hold its GET stream open. */
export const memory: Benchmark = {
  name: 'memory',
  about: 'memory and processes beside the workers of idle sessions, each with an open GET',
  run,
}

interface Host {
  name: string
  pid: number
  url: string
  /** Garbage is no cost of a session. */
  collect(): Promise<void>
}

interface Held {
  name: string
  sessions: number
  processes: number
  /** Memory of each session, in KiB: all of it, and what of it the gateway itself takes. */
  pssKib: number
  gatewayKib: number
}

const openAtOnce = 4
const pythons = 4
/** What the first sessions bring with them is compiled code and grown pools. */
const before = 5

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  const python = await pythonWorker(bench)
  const kinds: Record<string, ServerEntry> = {
    ...(python === undefined ? {} : { 'HTTP server': python }),
    'stdio server': serverInC(bench) ?? workerEntry('stdio'),
  }
  for (const [name, entry] of Object.entries(kinds)) {
    await measured(bench, `Idle sessions of a small ${name}`, {
      start: (turn) => hostsOf(turn, entry),
      sessions: isShort ? 16 : 48,
    })
  }
  await weighPython(bench)
  await measured(bench, 'Idle sessions of one server behind a URL', {
    start: async (turn) => berthsOf(turn, { url: (await startWorker(turn)).url }),
    sessions: 1000,
  })
}

async function measured(
  bench: Bench,
  title: string,
  { start, sessions }: { start(turn: Bench): Promise<Host[]>; sessions: number },
): Promise<void> {
  const turn = createBench(bench.signal, bench.options)
  bench.after(() => turn.end())
  try {
    const held: Held[] = []
    for (const host of await start(turn)) held.push(await hold(turn, host, sessions))
    report(`${title}, ${sessions} of them: for each, beside its worker`, held)
  } finally {
    await turn.end()
  }
}

async function hostsOf(bench: Bench, entry: ServerEntry): Promise<Host[]> {
  const peers = entry.transport === 'http' ? [] : await startPeers(bench, entry)
  return [
    ...peers.map((peer) => ({ ...peer, collect: () => Promise.resolve() })),
    ...(await berthsOf(bench, entry)),
  ]
}

async function berthsOf(bench: Bench, entry: Entry): Promise<Host[]> {
  const builds = await startBuilds(bench, { small: entry })
  return builds.map((build) => ({ ...build, url: build.url('small') }))
}

/** What a worker in Python takes itself, and where its modules were loaded before. */
async function weighPython(bench: Bench): Promise<void> {
  const server = (await startedServers(bench)).find(({ preload }) => preload !== undefined)
  if (server === undefined) return
  const turn = createBench(bench.signal, bench.options)
  bench.after(() => turn.end())
  try {
    const builds = [
      ...(await startBuilds(turn, { tiny: server.entry })),
      ...(await startAhead(turn, { ...server, atOnce: pythons })),
    ]
    const lines = []
    for (const { name, pid, url } of builds) {
      await openSessions(turn, url('tiny'), pythons)
      await calm(pid, turn.signal)
      const workers = workersBelow(pid).map(memoryKib)
      const mib = (of: 'pss' | 'own'): string =>
        (median(workers.map((each) => each[of])) / 1024).toFixed(1)
      lines.push({ name, 'MiB PSS': mib('pss'), 'private MiB': mib('own') })
    }
    table(`${server.name}: the worker itself, ${pythons} of them`, lines)
  } finally {
    await turn.end()
  }
}

async function hold(bench: Bench, host: Host, sessions: number): Promise<Held> {
  await openSessions(bench, host.url, before)
  const first = await weigh(bench, host)
  await openSessions(bench, host.url, sessions)
  const last = await weigh(bench, host)
  return {
    name: host.name,
    sessions,
    processes: (last.processes - first.processes) / sessions,
    pssKib: (last.pssKib - first.pssKib) / sessions,
    gatewayKib: (last.gatewayKib - first.gatewayKib) / sessions,
  }
}

async function weigh({ signal }: Bench, { pid, collect }: Host) {
  await calm(pid, signal)
  await collect()
  const pids = besideWorkers(pid)
  return {
    processes: pids.length,
    pssKib: sum(pids.map((each) => memoryKib(each).pss)),
    gatewayKib: memoryKib(pid).pss,
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

function report(title: string, held: Held[]): void {
  table(
    title,
    held.map(({ name, processes, pssKib, gatewayKib }) => ({
      name,
      'MiB PSS': (pssKib / 1024).toFixed(2),
      'KiB of it in the gateway': gatewayKib.toFixed(0),
      processes: processes.toFixed(2),
    })),
  )
}
