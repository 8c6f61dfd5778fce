import type { TestServer } from '../support/config.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'
import { openSession } from './client.ts'
import { calm, inTurn, median, memoryKib, rounds, sum, treeOf } from './measure.ts'
import { projectDir } from './nginx.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import type { Berth } from './targets.ts'
import { startBerth, worker, workersOf } from './targets.ts'

/** What a wall costs at the start of a session, and in memory while it is there. */
export const sandbox: Benchmark = {
  name: 'sandbox',
  about: 'initialize of a new session by isolation, and what stands around a worker',
  run,
}

const limits = { memoryBytes: 512 * 1024 ** 2, cpus: 1, pids: 256, openFiles: 1024 }
const kinds = {
  process: { driver: 'process' },
  'process, limits': { driver: 'process', limits },
  sandbox: { driver: 'sandbox' },
  'sandbox, limits': { driver: 'sandbox', limits },
  'sandbox, private network': {
    driver: 'sandbox',
    sandbox: { network: 'private', outbound: false },
  },
  'sandbox, private network that leads out': {
    driver: 'sandbox',
    sandbox: { network: 'private' },
  },
} as const satisfies Record<string, TestServer>
type Name = keyof typeof kinds

const roundsAtMost = 25
const withinMs = 40_000

async function run(bench: Bench): Promise<void> {
  const path = await findTools(bench)
  if (path === undefined) return
  process.env['PATH'] = path
  const names = Object.keys(kinds) as Name[]
  const gateways = new Map<Name, Berth>()
  for (const name of names) {
    const server: TestServer = { ...kinds[name], command: ['node', worker] }
    gateways.set(name, await startBerth(bench, { tiny: server }))
  }
  const tookMs = new Map(names.map((name): [Name, number[]] => [name, []]))
  const aroundKib = new Map<Name, number>()
  const open = async (name: Name): Promise<number> => {
    const berth = gateways.get(name)
    if (berth === undefined) return 0
    const turn = createBench(bench.signal)
    try {
      await calm(berth.pid, bench.signal)
      const startedMs = performance.now()
      const session = await openSession(turn, berth.url('tiny'), { announce: false })
      const ms = performance.now() - startedMs
      aroundKib.set(name, around(berth))
      await session.remove()
      return ms
    } finally {
      await turn.end()
    }
  }
  for (const name of names) await open(name)
  for (const round of rounds(roundsAtMost, withinMs)) {
    for (const name of inTurn(names, round)) tookMs.get(name)?.push(await open(name))
  }
  report(tookMs, aroundKib)
}

/** What a worker's tree takes without the server, the last of it to be started. */
function around(berth: Berth): number {
  const [marker] = workersOf(berth)
  const tree = treeOf(marker?.pid ?? 0)
  const server = Math.max(...tree)
  return sum(tree.filter((pid) => pid !== server).map((pid) => memoryKib(pid).pss))
}

/** PATH with what sandboxes need at its end; undefined, and said, where that is missing. */
export async function findTools({ signal, say }: Bench): Promise<string | undefined> {
  const path = [process.env['PATH'] ?? '']
  const wanted = needs.filter(({ name }) => name === 'bubblewrap' || name === 'slirp4netns')
  const site = {
    projectDir,
    cacheDir: cacheDirOf(projectDir, process.env),
    env: process.env,
    signal,
  }
  for (const outcome of await prepareNeeds(wanted, site)) {
    if (outcome.state === 'missing') {
      say(`not measured, for want of ${outcome.need.name}: ${outcome.command}`)
      return undefined
    }
    if (outcome.place.binDir !== undefined) path.push(outcome.place.binDir)
  }
  return path.join(':')
}

function report(tookMs: Map<Name, number[]>, aroundKib: Map<Name, number>): void {
  const own = tookMs.get('process') ?? []
  // Of each round the difference, and of those the median: a slow moment slows a whole round.
  const more = (name: Name): number =>
    median((tookMs.get(name) ?? []).map((ms, round) => ms - (own[round] ?? ms)))
  table(
    `Opening a session with a spare keeper, stdio: medians of ${own.length} rounds`,
    [...tookMs].map(([name, taken]) => ({
      name,
      ms: median(taken).toFixed(0),
      'more than process': more(name).toFixed(1),
      'MiB PSS around the server': ((aroundKib.get(name) ?? 0) / 1024).toFixed(1),
    })),
  )
  const shape = { unit: 'ms more than process', digits: 1 }
  verdict({ what: 'sandbox', figure: more('sandbox'), bar: 20, ...shape })
  const networked = 'sandbox, private network that leads out'
  verdict({ what: networked, figure: more(networked), bar: 60, ...shape })
}
