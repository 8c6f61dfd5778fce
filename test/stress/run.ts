import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../../src/ground/errors.ts'
import { createChances } from '../chaos/random.ts'
import { startBusyLoops } from './busy-loops.ts'
import { freezeAtRandom } from './freezing.ts'

const usage = `usage: npm run stress [-- OPTION ... [FILTER ...]]

Runs the tests again and again on a machine that is made busy and that stands still at random, as
machines of other people do. FILTER means what it means to npm run unit.

  --rounds N      how many runs (default: 5)
  --beside N      busy loops beside them (default: 4)
  --freezes N     at most so often all processes of a run stand still, for 0.3 to 1.8 s each
                  (default: 160; 0 for never)
  --minutes N     a round that takes longer is ended, and has failed (default: 40)
  --seed N        the same seed has the same times (default: a random one)
`

interface Options {
  rounds: number
  beside: number
  freezes: number
  minutes: number
  seed: number
  filters: string[]
}

function optionsOf(args: string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      beside: { type: 'string', default: '4' },
      freezes: { type: 'string', default: '160' },
      minutes: { type: 'string', default: '40' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  if (values.help) return undefined
  const number = (name: 'rounds' | 'beside' | 'freezes' | 'minutes' | 'seed'): number => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < 0) {
      throw new Error(`--${name} takes a whole number, not ${values[name]}`)
    }
    return value
  }
  return {
    rounds: number('rounds'),
    beside: number('beside'),
    freezes: number('freezes'),
    minutes: number('minutes'),
    seed: number('seed'),
    filters: positionals,
  }
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2))
  if (options === undefined) {
    process.stdout.write(usage)
    return
  }
  const { rounds, beside, seed } = options
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stop.abort(new Error(`stopped by ${name}`)))
  }
  say(`stress: ${rounds} rounds beside ${beside} busy loops, seed ${seed}`)
  const told: string[] = []
  for (let round = 1; round <= rounds && !stop.signal.aborted; round += 1) {
    const { code, freezes, tookMs } = await runRound(round, options, stop.signal)
    const took = `${(tookMs / 1000).toFixed(0)} s, stood still ${freezes} times`
    told.push(`stress: round ${round} ${code === 0 ? 'passed' : 'FAILED'} (${took})`)
    if (code !== 0) process.exitCode = 1
    say(told.at(-1) ?? '')
  }
  stop.signal.throwIfAborted()
  say(['', ...told, `stress: seed ${seed}`].join('\n'))
}

async function runRound(
  round: number,
  { beside, freezes, minutes, seed, filters }: Options,
  signal: AbortSignal,
): Promise<{ code: number | null; freezes: number; tookMs: number }> {
  const startedMs = performance.now()
  const limitMs = minutes * 60_000
  const marker = randomBytes(6).toString('hex')
  const loops = startBusyLoops(beside, limitMs)
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'run.js'), ...filters], {
    env: { ...process.env, BERTH_TEST_RUN: marker },
    stdio: 'inherit',
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  const chances = createChances(seed + round)
  const freezing = freezeAtRandom({ pid: child.pid ?? 0, marker, chances, atMost: freezes })
  // It cleans up behind itself when it is asked to end.
  const end = (): boolean => child.kill('SIGTERM')
  const limit = setTimeout(end, limitMs)
  signal.addEventListener('abort', end)
  try {
    const [code] = await exited
    return { code, freezes: freezing.count(), tookMs: performance.now() - startedMs }
  } finally {
    clearTimeout(limit)
    signal.removeEventListener('abort', end)
    await freezing.stop()
    await loops.stop()
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
})
