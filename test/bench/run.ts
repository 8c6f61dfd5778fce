import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../src/ground/errors.ts'
import { adopt } from './adopt.ts'
import { bundle } from './bundle.ts'
import { calls } from './calls.ts'
import { driver } from './driver.ts'
import { events } from './events.ts'
import { jwt } from './jwt.ts'
import { many } from './many.ts'
import { memory } from './memory.ts'
import { neighbours } from './neighbours.ts'
import { describeMachine } from './report.ts'
import { sandbox } from './sandbox.ts'
import { start } from './start.ts'
import { stdio } from './stdio.ts'
import type { Benchmark, BenchOptions } from './scope.ts'
import { createBench } from './scope.ts'

const benchmarks: Benchmark[] = [
  ...[calls, events, stdio, start, memory, bundle, sandbox, neighbours, adopt, jwt, driver, many],
]

const usage = `usage: npm run bench [-- NAME ... [--short] [--starts N] [--against DIR]]

Measures one thing after the other, or those that are named. Figures are medians, taken in turns
with what they are compared with; a figure that misses its bar is no failure of the run.

${benchmarks.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n')}

  --against DIR  a clone of Berth, built, that is measured beside this one in the same turns
                 (calls, events, stdio, start, memory)
  --short        fewer cells and turns, for a first look
  --starts N     how often everything is started anew (default 3)
`

interface Asked extends BenchOptions {
  chosen: Benchmark[]
}

/** @returns undefined for what is not to be understood, and for --help */
function asked(args: string[]): Asked | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      against: { type: 'string' },
      short: { type: 'boolean', default: false },
      starts: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  })
  const isKnown = (name: string): boolean => benchmarks.some((known) => known.name === name)
  const starts = Number(values.starts)
  if (values.help || !positionals.every(isKnown) || !(starts >= 1)) return undefined
  const against = values.against === undefined ? undefined : resolve(values.against)
  if (against !== undefined && !existsSync(join(against, 'dist/src/cli/main.js'))) {
    throw new Error(`${against} holds no built clone of Berth: run "npm run build" in it`)
  }
  const isChosen = ({ name, isLong }: Benchmark): boolean =>
    positionals.length === 0 ? isLong !== true : positionals.includes(name)
  return { chosen: benchmarks.filter(isChosen), against, isShort: values.short, starts }
}

async function main(args: string[]): Promise<number> {
  const options = asked(args)
  if (options === undefined) {
    process.stderr.write(usage)
    return args.includes('--help') ? 0 : 2
  }
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
  for (const benchmark of options.chosen) {
    const bench = createBench(stop.signal, options)
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

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 2
}
