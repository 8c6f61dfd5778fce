import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

import { createBench } from '../bench/scope.ts'
import { projectDir } from '../bench/nginx.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { environmentOf, prepareNeeds } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'
import { lookAround } from './aftermath.ts'
import { runChaos } from './chaos.ts'
import { storyOf, summaryOf } from './summary.ts'

const usage = `usage: npm run chaos [-- OPTION ...]

Three gateways with one Redis, clients that talk all the time, and disasters; then looks whether
anything came of it that must not.

  --seconds N    how long disasters happen (default: 60)
  --sessions N   clients, each with a session (default: 100)
  --seed N       the same seed has the same disasters (default: a random one)
`

async function main(): Promise<number> {
  const number = (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < 0) throw new Error(`${text} is no whole number`)
    return value
  }
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      sessions: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const [seed, seconds, sessions] = [values.seed, values.seconds, values.sessions].map(number)
  const scope = createBench(new AbortController().signal)
  try {
    const redisServer = await prepare(scope.signal)
    // It looks for the sandbox at once.
    const { support } = (await import('../workers/rig.ts')).foundSandbox
    scope.say(`seed ${seed}, ${seconds} s, ${sessions} clients`)
    if (!support.available) scope.say(`without the sandbox: ${support.why}`)
    const scene = await runChaos(scope, {
      seed: seed!,
      seconds: seconds!,
      sessions: sessions!,
      redisServer,
      withSandbox: support.available,
    })
    const fates = await lookAround(scene)
    scope.say(summaryOf(scene, fates))
    if (scene.tally.wrongs.length > 0) scope.say(storyOf(scene))
    scope.say(`seed ${seed}: ${scene.tally.wrongs.length === 0 ? 'nothing is wrong' : 'WRONG'}`)
    return scene.tally.wrongs.length === 0 ? 0 : 1
  } finally {
    await scope.end()
  }
}

/** What the chaos needs from this machine, as `npm run unit` finds it. */
async function prepare(signal: AbortSignal): Promise<string> {
  const env = process.env
  const wanted = needs.filter(({ name }) => name === 'redis-server' || name === 'bubblewrap')
  const cacheDir = cacheDirOf(projectDir, env)
  const outcomes = await prepareNeeds(wanted, { projectDir, cacheDir, env, signal })
  Object.assign(process.env, environmentOf(outcomes, env))
  const redis = outcomes.find(({ need }) => need.name === 'redis-server')
  if (redis?.state !== 'missing' && redis !== undefined) return redis.place.path
  throw new Error(`there is no redis-server: ${redis?.reason} (${redis?.command})`)
}

process.exitCode = await main()
