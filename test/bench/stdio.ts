import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../support/free-port.ts'
import { expectOk, openSession } from './client.ts'
import { inTurn, median, rounds, treeCpuUs } from './measure.ts'
import { table, verdict } from './report.ts'
import type { Bench, Benchmark } from './scope.ts'
import { startBerth, startTarget, untilListening, worker } from './targets.ts'

/** What a call of a stdio server costs in all: gateway, what stands beside the server, server. */
export const stdio: Benchmark = {
  name: 'stdio',
  about: 'tool calls of a stdio server, next to supergateway',
  run,
}

const lanes = 8
const callsAlone = 25
const callsTogether = 600

interface Runner {
  name: string
  /** Its whole tree is counted. */
  pid: number
  /** One for each call in flight. */
  lanes: ((id: number) => Promise<unknown>)[]
  aloneUs: number[]
  togetherUs: number[]
  aloneCpuUs: number[]
  togetherCpuUs: number[]
}

async function run(bench: Bench): Promise<void> {
  const runners = [
    await startPipe(bench),
    await startSupergateway(bench),
    await startOwn(bench),
  ].map((started): Runner => ({
    ...started,
    aloneUs: [],
    togetherUs: [],
    aloneCpuUs: [],
    togetherCpuUs: [],
  }))
  for (const runner of runners) {
    for (let turn = 0; turn < 5; turn += 1) await callTogether(runner)
    runner.togetherUs = []
    runner.togetherCpuUs = []
  }
  for (const round of rounds(200, 20_000)) {
    for (const runner of inTurn(runners, round)) await callAlone(runner)
  }
  for (const round of rounds(20, 20_000)) {
    for (const runner of inTurn(runners, round)) await callTogether(runner)
  }
  report(runners)
}

type Started = Pick<Runner, 'name' | 'pid' | 'lanes'>

/** The server by itself, asked over its pipe. */
async function startPipe(bench: Bench): Promise<Started> {
  const server = spawn(process.execPath, [worker], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  bench.after(async () => {
    server.kill('SIGTERM')
    await ended
  })
  await once(server, 'spawn')
  const waiting = new Map<number, () => void>()
  createInterface(server.stdout).on('line', (line) => {
    const { id } = JSON.parse(line) as { id: number }
    waiting.get(id)?.()
    waiting.delete(id)
  })
  const call = (id: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(id, resolve)
      const params = { name: 'echo', arguments: { text: 'hello' } }
      server.stdin.write(
        `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })}\n`,
      )
    })
  return {
    name: 'the server itself',
    pid: server.pid ?? 0,
    lanes: Array.from({ length: lanes }, () => call),
  }
}

async function startSupergateway(bench: Bench): Promise<Started> {
  const port = await freePort()
  const { resolve } = createRequire(import.meta.url)
  const main = join(dirname(resolve('supergateway/package.json')), 'dist/index.js')
  const { pid } = startTarget(bench, {
    command: [
      process.execPath,
      main,
      ...['--stdio', `${process.execPath} ${worker}`],
      ...['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)],
      // By default it writes every message down; without that it is at its best.
      ...['--logLevel', 'none'],
    ],
  })
  await untilListening(port, bench.signal)
  return {
    name: 'supergateway',
    pid,
    lanes: await openLanes(bench, `http://127.0.0.1:${port}/mcp`),
  }
}

async function startOwn(bench: Bench): Promise<Started> {
  const berth = await startBerth(bench, { stdio: { command: ['node', worker] } })
  return { name: 'berth', pid: berth.pid, lanes: await openLanes(bench, berth.url('stdio')) }
}

async function openLanes(bench: Bench, url: string): Promise<Runner['lanes']> {
  const session = await openSession(bench, url)
  const connections = [session.connection]
  while (connections.length < lanes) connections.push(await session.connect())
  return connections.map(
    (connection) => async (id) =>
      expectOk(await connection.ask(session.call(id, { text: 'hello' }))),
  )
}

let id = 0

async function callAlone(runner: Runner): Promise<void> {
  const [call] = runner.lanes
  const beforeUs = treeCpuUs(runner.pid)
  const times: number[] = []
  for (let at = 0; at < callsAlone; at += 1) {
    const startedMs = performance.now()
    await call?.((id += 1))
    times.push((performance.now() - startedMs) * 1000)
  }
  runner.aloneUs.push(median(times))
  runner.aloneCpuUs.push((treeCpuUs(runner.pid) - beforeUs) / callsAlone)
}

async function callTogether(runner: Runner): Promise<void> {
  const beforeUs = treeCpuUs(runner.pid)
  const startedMs = performance.now()
  let left = callsTogether
  const lane = async (call: (id: number) => Promise<unknown>): Promise<void> => {
    while (left > 0) {
      left -= 1
      await call((id += 1))
    }
  }
  await Promise.all(runner.lanes.map(lane))
  runner.togetherUs.push(((performance.now() - startedMs) * 1000) / callsTogether)
  runner.togetherCpuUs.push((treeCpuUs(runner.pid) - beforeUs) / callsTogether)
}

function report(runners: Runner[]): void {
  const [, other, own] = runners
  if (other === undefined || own === undefined) return
  const figures = ['aloneUs', 'togetherUs', 'aloneCpuUs', 'togetherCpuUs'] as const
  const heads = ['µs, 1 in flight', 'µs, 8 in flight', 'CPU µs in all, 1', 'CPU µs in all, 8']
  table(
    `Calls over stdio: medians of ${own.aloneUs.length} turns of ${callsAlone} and ${own.togetherUs.length} of ${callsTogether}`,
    runners.map((runner) => ({
      name: runner.name,
      ...Object.fromEntries(
        figures.map((figure, at) => [heads[at] ?? '', median(runner[figure]).toFixed(0)]),
      ),
    })),
  )
  const limits = { bar: 1, unit: 'of supergateway', digits: 2 }
  const what = ['time, 1 in flight', 'time per call, 8 in flight', 'CPU in all, 1', 'CPU in all, 8']
  for (const [at, figure] of figures.entries()) {
    const share = median(own[figure]) / median(other[figure])
    verdict({ what: what[at] ?? '', figure: share, ...limits })
  }
}
