import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { initializeMessage, openConnection, openSession, postOf } from './client.ts'
import { childrenOf, inTurn, median, rounds } from './measure.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { createBench } from './scope.ts'
import type { Berth } from './targets.ts'
import { startBerth, untilListening, worker } from './targets.ts'

/** What `initialize` of a new session takes longer than starting the same server by hand. */
export const start: Benchmark = {
  name: 'start',
  about: 'initialize of a new session, next to starting the same server',
  run,
}

const planner = compiled('src/demo/trip-planner.js')
const servers = {
  'tiny, http': { script: worker, flags: [], http: true },
  'tiny, stdio': { script: worker, flags: [], http: false },
  'trip planner, http': { script: planner, flags: ['--http'], http: true },
  'trip planner, stdio': { script: planner, flags: [], http: false },
}
type Name = keyof typeof servers
type Way = 'direct' | 'spare' | 'none'

const roundsAtMost = 21
const withinMs = 25_000

async function run(bench: Bench): Promise<void> {
  const names = Object.keys(servers) as Name[]
  const entries = names.map((name) => {
    const { script, flags, http } = servers[name]
    return [
      nameOf(name),
      { command: ['node', script, ...flags] as ['node', string], http },
    ] as const
  })
  const berth = await startBerth(bench, Object.fromEntries(entries))
  const times = new Map<Name, Record<Way, number[]>>()
  for (const name of names) {
    const taken: Record<Way, number[]> = { direct: [], spare: [], none: [] }
    const ways: Way[] = ['direct', 'spare', 'none']
    // The first of each kind finds nothing in the caches of the system.
    for (const way of ways) await time(bench, berth, { name, way })
    for (const round of rounds(roundsAtMost, withinMs)) {
      for (const way of inTurn(ways, round)) {
        taken[way].push(await time(bench, berth, { name, way }))
      }
    }
    times.set(name, taken)
  }
  report(times)
}

const nameOf = (name: Name): string => name.replaceAll(/\W+/g, '-')

async function time(bench: Bench, berth: Berth, what: { name: Name; way: Way }): Promise<number> {
  const { name, way } = what
  // A session's sockets, and a server that was started by hand, go before the next turn.
  const turn = createBench(bench.signal)
  try {
    await spareReady(berth)
    if (way === 'none') await endSpare(berth)
    if (way === 'direct') {
      return servers[name].http ? await startHttp(turn, name) : await startStdio(turn, name)
    }
    const startedMs = performance.now()
    const session = await openSession(turn, berth.url(nameOf(name)), { announce: false })
    const tookMs = performance.now() - startedMs
    await session.remove()
    return tookMs
  } finally {
    await turn.end()
  }
}

/** Nothing else runs beside the gateway than one keeper that waits. */
export async function spareReady({ pid, stateDir }: Berth): Promise<void> {
  await eventually(
    () => {
      const workers = readdirSync(join(stateDir, 'workers')).length
      const sockets = readdirSync(join(stateDir, 'run')).length
      const keepers = childrenOf(pid).length
      if (workers === 0 && sockets === 1 && keepers === 1) return
      throw new Error(`${workers} workers, ${sockets} sockets, ${keepers} keepers`)
    },
    { withinMs: 20_000, everyMs: 10 },
  )
  // Its socket is there a moment before it says so.
  await sleep(50)
}

async function endSpare({ pid, stateDir }: Berth): Promise<void> {
  for (const keeper of childrenOf(pid)) process.kill(keeper, 'SIGKILL')
  await eventually(() => {
    if (childrenOf(pid).length > 0) throw new Error('the spare keeper does not end')
  })
  const folder = join(stateDir, 'run')
  // The gateway removes it too, and may be the first.
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true })
}

async function startHttp(turn: Bench, name: Name): Promise<number> {
  const port = await freePort()
  const startedMs = performance.now()
  spawnServer(turn, name, { PORT: String(port) })
  await untilListening(port, turn.signal)
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  const connection = await openConnection(turn, url)
  await connection.ask(postOf(url, initializeMessage))
  return performance.now() - startedMs
}

async function startStdio(turn: Bench, name: Name): Promise<number> {
  const startedMs = performance.now()
  const server = spawnServer(turn, name, {})
  server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...initializeMessage })}\n`)
  await once(createInterface(server.stdout), 'line')
  return performance.now() - startedMs
}

function spawnServer(turn: Bench, name: Name, env: Record<string, string>) {
  const { script, flags } = servers[name]
  const child = spawn(process.execPath, [script, ...flags], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], ...env },
  })
  const ended = once(child, 'exit')
  turn.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return child
}

function report(times: Map<Name, Record<Way, number[]>>): void {
  // Of each round the difference, and of those the median: a slow moment slows a whole round.
  const more = ({ direct, ...ways }: Record<Way, number[]>, way: 'spare' | 'none'): number =>
    median(ways[way].map((ms, round) => ms - (direct[round] ?? ms)))
  const shown = (values: number[]): string => median(values).toFixed(0)
  const [first] = times.values()
  table(
    `Opening a session, in ms: medians of up to ${first?.direct.length ?? 0} rounds`,
    [...times].map(([name, taken]) => ({
      name,
      'by hand': shown(taken.direct),
      'spare keeper': shown(taken.spare),
      more: more(taken, 'spare').toFixed(1),
      'of by hand': (median(taken.spare) / median(taken.direct)).toFixed(2),
      'no spare': shown(taken.none),
      'more ': more(taken, 'none').toFixed(1),
      'of by hand ': (median(taken.none) / median(taken.direct)).toFixed(2),
    })),
  )
  for (const [name, taken] of times) {
    const shape = { unit: 'ms more', digits: 1 }
    verdict({ what: `${name}, spare`, figure: more(taken, 'spare'), bar: 15, ...shape })
    verdict({ what: `${name}, no spare`, figure: more(taken, 'none'), bar: 100, ...shape })
  }
}
