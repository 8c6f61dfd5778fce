import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { BerthOptions } from './berth.ts'
import { expectOk, openConnection, openSession, postOf } from './client.ts'
import { cpuUs, median } from './measure.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { find } from './servers.ts'
import type { Target } from './targets.ts'
import { idleWorker, startTarget } from './targets.ts'

/** How long nobody is served when a gateway is killed and started again. */
export const adopt: Benchmark = {
  name: 'adopt',
  about: 'from the start of a new gateway to the first call of a session that it has taken over',
  run,
}

const sessionCount = 200
const rounds = 5
const openAtOnce = 4
const tryEveryMs = 2

async function run(bench: Bench): Promise<void> {
  const redisServer = await find(bench, 'redis-server')
  const python = await find(bench, 'python3')
  if (redisServer === undefined || python === undefined) return
  const stateDir = sharedStateDir(bench)
  const redis = await startRedis(bench, redisServer)
  const port = await freePort()
  const options: BerthOptions = {
    stateDir,
    store: redis.config(),
    port,
    servers: { idle: { command: [python, '-I', '-S', idleWorker] } },
  }
  const url = `http://127.0.0.1:${port}/servers/idle/mcp`
  const start = (): Target =>
    startTarget(bench, {
      command: [process.execPath, compiled('test/bench/berth.js'), JSON.stringify(options)],
    })

  let gateway = start()
  await gateway.line()
  const ids = await openSessions(bench, url)
  const tookMs: number[] = []
  const cpuMs: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    // What the last one was doing beside its first call is over.
    await sleep(3000)
    gateway.process.kill('SIGKILL')
    await once(gateway.process, 'exit')
    const startedMs = performance.now()
    gateway = start()
    await firstCall(bench, url, ids[(round * 37) % ids.length] ?? '')
    tookMs.push(performance.now() - startedMs)
    cpuMs.push(cpuUs(gateway.pid) / 1000)
  }
  report(tookMs, cpuMs)
}

async function openSessions(bench: Bench, url: string): Promise<string[]> {
  const ids: string[] = []
  const lane = async (): Promise<void> => {
    while (ids.length < sessionCount) {
      const { id, connection } = await openSession(bench, url)
      connection.close()
      ids.push(id ?? '')
    }
  }
  await Promise.all(Array.from({ length: openAtOnce }, lane))
  return ids
}

/** As a client does that tries again until somebody listens. */
async function firstCall(bench: Bench, url: string, id: string): Promise<void> {
  const target = new URL(url)
  for (;;) {
    bench.signal.throwIfAborted()
    try {
      const connection = await openConnection(bench, target)
      expectOk(await connection.ask(postOf(target, { id: 1, method: 'ping' }, id)))
      connection.close()
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error
      await sleep(tryEveryMs)
    }
  }
}

function report(tookMs: number[], cpuMs: number[]): void {
  table(`A new gateway with ${sessionCount} sessions, ${tookMs.length} rounds`, [
    {
      name: 'start to first served call',
      'median ms': median(tookMs).toFixed(0),
      'slowest ms': Math.max(...tookMs).toFixed(0),
      // What it comes to where nothing else wants the processors.
      'CPU ms by then': median(cpuMs).toFixed(0),
    },
  ])
  const what = 'start to first served call'
  verdict({ what, figure: median(tookMs), bar: 500, unit: 'ms', digits: 0 })
}
