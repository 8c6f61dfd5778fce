import { messageOf } from '../../src/ground/errors.ts'
import { adopt } from './adopt.ts'
import { calls } from './calls.ts'
import { driver } from './driver.ts'
import { events } from './events.ts'
import { jwt } from './jwt.ts'
import { memory } from './memory.ts'
import { neighbours } from './neighbours.ts'
import { describeMachine } from './report.ts'
import { sandbox } from './sandbox.ts'
import { start } from './start.ts'
import { stdio } from './stdio.ts'
import type { Benchmark } from './scope.ts'
import { createBench } from './scope.ts'

const benchmarks: Benchmark[] = [
  ...[calls, events, start, sandbox, neighbours, memory, stdio, adopt, jwt, driver],
]

const usage = `usage: npm run bench [-- NAME ...]

Measures one thing after the other, or those that are named. Figures are medians, taken in turns
with what they are compared with; a figure that misses its bar is no failure of the run.

${benchmarks.map(({ name, about }) => `  ${name.padEnd(8)} ${about}`).join('\n')}
`

async function main(names: string[]): Promise<number> {
  const unknown = names.filter((name) => !benchmarks.some((known) => known.name === name))
  if (unknown.length > 0) {
    process.stderr.write(usage)
    return names.includes('--help') ? 0 : 2
  }
  const chosen = benchmarks.filter(({ name }) => names.length === 0 || names.includes(name))
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
  }
  const stopped = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error))
  })
  stopped.catch(() => undefined)

  const startedMs = performance.now()
  let failed = 0
  for (const line of describeMachine()) process.stdout.write(`${line}\n`)
  for (const benchmark of chosen) {
    const bench = createBench(stop.signal)
    const running = benchmark.run(bench)
    try {
      await Promise.race([running, stopped])
    } catch (error) {
      failed += 1
      process.stderr.write(`${benchmark.name}: ${messageOf(error)}\n`)
    } finally {
      await bench.end()
      // What was under way when it was stopped fails now, for want of what it used.
      await running.catch(() => undefined)
    }
    if (stop.signal.aborted) return 130
  }
  process.stdout.write(`\ntook ${((performance.now() - startedMs) / 1000).toFixed(0)} s\n`)
  return failed > 0 ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2))
