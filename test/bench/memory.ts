import { freemem } from 'node:os'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'
import { projectDir } from './nginx.ts'
import { openSession } from './client.ts'
import { childrenOf, commandOf, median, memoryKib, sum, treeOf } from './measure.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import type { Berth } from './targets.ts'
import { idleWorker, startBerth, startWorker } from './targets.ts'

/** What a session costs that does nothing but hold its GET stream open. */
export const memory: Benchmark = {
  name: 'memory',
  about: 'growth of the gateway per idle session, and the keepers',
  run,
}

const atOnce = 4

/** A worker and its keeper take about 18 MiB together. */
const isLarge = freemem() > 16 * 2 ** 30

interface Growth {
  name: string
  sessions: number
  rssKib: number
  heapKib: number
  externalKib: number
}

async function run(bench: Bench): Promise<void> {
  const python = await findPython(bench)
  const upstream = await startWorker(bench)
  const command: [string, ...string[]] = [python ?? 'python3', '-I', '-S', idleWorker]
  const berth = await startBerth(
    bench,
    {
      remote: { url: upstream.url },
      http: { command, http: true },
      stdio: { command },
    },
    ['--expose-gc'],
  )
  const grown: Growth[] = []
  const keepers: Keepers[] = []
  const grow = async (name: string, server: string, steps: number[]): Promise<void> => {
    const before = await berth.memory()
    for (const sessions of steps) {
      await openSessions(bench, berth, { server, sessions })
      if (server !== 'remote') keepers.push(keepersOf(berth))
    }
    const after = await berth.memory()
    grown.push({ name, ...growthOf(before, after, sum(steps)) })
  }
  // What the first sessions bring with them is compiled code and grown pools.
  await openSessions(bench, berth, { server: 'remote', sessions: 100 })
  await grow('remote, one server for all', 'remote', [1000])
  if (python !== undefined) {
    await openSessions(bench, berth, { server: 'http', sessions: 5 })
    await openSessions(bench, berth, { server: 'stdio', sessions: 5 })
    await grow('local, http', 'http', isLarge ? [40, 60, 300] : [40, 60])
    await grow('local, stdio', 'stdio', isLarge ? [50, 100] : [50])
  }
  report(grown, keepers)
}

function growthOf(
  before: NodeJS.MemoryUsage,
  after: NodeJS.MemoryUsage,
  sessions: number,
): Omit<Growth, 'name'> {
  const kib = (of: (usage: NodeJS.MemoryUsage) => number): number =>
    (of(after) - of(before)) / 1024 / sessions
  return {
    sessions,
    rssKib: kib(({ rss }) => rss),
    heapKib: kib(({ heapUsed }) => heapUsed),
    externalKib: kib(({ external }) => external),
  }
}

async function openSessions(
  bench: Bench,
  berth: Berth,
  { server, sessions }: { server: string; sessions: number },
): Promise<void> {
  let left = sessions
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const session = await openSession(bench, berth.url(server))
      await session.listen()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

interface Keepers {
  count: number
  /** Of a keeper with what it is wrapped in, but without the server. */
  pssKib: number
  ownKib: number
  /** Of the Node process alone. */
  nodePssKib: number
}

const isNode = (pid: number): boolean => commandOf(pid)[0] === process.execPath

function keepersOf({ pid }: Berth): Keepers {
  const keepers = childrenOf(pid).map((child) => {
    const tree = treeOf(child)
    const isKeeper = (each: number): boolean =>
      isNode(each) && commandOf(each).some((word) => word.endsWith('/keeper/main.js'))
    const servers = new Set(tree.filter(isKeeper).flatMap(childrenOf).flatMap(treeOf))
    const own = tree.filter((each) => !servers.has(each))
    const nodes = own.filter(isNode)
    return { own: own.map(memoryKib), node: nodes.map(memoryKib) }
  })
  return {
    count: keepers.length,
    pssKib: median(keepers.map(({ own }) => sum(own.map(({ pss }) => pss)))),
    ownKib: median(keepers.map(({ own }) => sum(own.map(({ own: kib }) => kib)))),
    nodePssKib: median(keepers.map(({ node }) => sum(node.map(({ pss }) => pss)))),
  }
}

async function findPython({ signal, say }: Bench): Promise<string | undefined> {
  const [outcome] = await prepareNeeds(
    needs.filter(({ name }) => name === 'python3'),
    { projectDir, cacheDir: cacheDirOf(projectDir, process.env), env: process.env, signal },
  )
  if (outcome === undefined) return undefined
  if (outcome.state !== 'missing') return outcome.place.path
  say(`without local workers, for want of a small one: ${outcome.reason} (${outcome.command})`)
  return undefined
}

function report(grown: Growth[], keepers: Keepers[]): void {
  table(
    'Gateway, growth per idle session with an open GET, garbage collected',
    grown.map(({ name, sessions, rssKib, heapKib, externalKib }) => ({
      name,
      sessions: sessions.toFixed(0),
      'KiB RSS': rssKib.toFixed(1),
      'KiB heap': heapKib.toFixed(1),
      'KiB outside of it': externalKib.toFixed(1),
    })),
  )
  for (const { name, sessions, rssKib } of grown) {
    const shape = { bar: 80, unit: 'KiB a session', digits: 1 }
    verdict({ what: `${name}, ${sessions}`, figure: rssKib, ...shape })
  }
  if (keepers.length === 0) return
  table(
    'Keepers, medians',
    keepers.map(({ count, pssKib, ownKib, nodePssKib }) => ({
      name: `${count} keepers`,
      'MiB PSS': (pssKib / 1024).toFixed(1),
      'private MiB': (ownKib / 1024).toFixed(1),
      'MiB PSS of Node alone': (nodePssKib / 1024).toFixed(1),
    })),
  )
  for (const { count, pssKib } of keepers) {
    const shape = { bar: 12, unit: 'MiB PSS each', digits: 1 }
    verdict({ what: `${count} keepers`, figure: pssKib / 1024, ...shape })
  }
}
