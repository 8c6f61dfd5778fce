import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

import { createBench } from '../bench/scope.ts'
import { projectDir } from '../bench/nginx.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'
import { spread } from './fuzz.ts'
import type { Target } from './target.ts'
import { targets } from './targets/index.ts'

const usage = `usage: npm run fuzz [-- OPTION ... [TARGET ...]]

Tries whatever others may send, say or do, and looks whether a gateway and a session that has
nothing to do with it notice.

  --cases N      how many cases, dealt out by the targets' shares (default: 100000)
  --minutes N    goes on with other seeds until so many minutes are over
  --seed N       the same seed has the same cases (default: a random one)
  --path P       only the one that was told, of the one TARGET

TARGET is one of:
${targets.map(({ name, about }) => `  ${name.padEnd(13)}${about}`).join('\n')}
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      cases: { type: 'string', default: '100000' },
      minutes: { type: 'string', default: '0' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      path: { type: 'string' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const [cases, minutes, seed] = [values.cases, values.minutes, values.seed].map(wholeNumber)
  const chosen = positionals.length === 0 ? targets : positionals.map(targetOf)
  const { path } = values
  if (path !== undefined && chosen.length !== 1) throw new Error('--path wants the one TARGET')

  const untilMs = performance.now() + minutes! * 60_000
  let code = 0
  for (let round = 0; round === 0 || (code === 0 && performance.now() < untilMs); round += 1) {
    code = await runAll(chosen, { cases: cases!, seed: seed! + round, path })
  }
  return code
}

interface Round {
  cases: number
  seed: number
  path: string | undefined
}

async function runAll(chosen: readonly Target[], { cases, seed, path }: Round): Promise<number> {
  let failed = 0
  for (const [target, count] of spread(cases, chosen)) {
    const scope = createBench(new AbortController().signal)
    const startedMs = performance.now()
    const again = path === undefined ? {} : { path }
    try {
      const needed = target.needs === undefined ? {} : { redisServer: await redisServer() }
      await target.run(scope, { count, seed, ...again, ...needed })
      const took = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`
      scope.say(`${target.name}: ${count} cases held (seed ${seed}, ${took})`)
    } catch (thrown) {
      failed += 1
      scope.say(`${target.name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
    } finally {
      await scope.end()
    }
  }
  return failed === 0 ? 0 : 1
}

async function redisServer(): Promise<string> {
  const wanted = needs.filter(({ name }) => name === 'redis-server')
  const cacheDir = cacheDirOf(projectDir, process.env)
  const { signal } = new AbortController()
  const [redis] = await prepareNeeds(wanted, { projectDir, cacheDir, env: process.env, signal })
  if (redis?.state === 'missing' || redis === undefined) {
    throw new Error(`there is no redis-server: ${redis?.reason} (${redis?.command})`)
  }
  return redis.place.path
}

function targetOf(name: string): Target {
  const found = targets.find((target) => target.name === name)
  if (found !== undefined) return found
  throw new Error(`there is no target ${name}; npm run fuzz -- --help lists them`)
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`${text} is no whole number`)
  return value
}

process.exitCode = await main()
