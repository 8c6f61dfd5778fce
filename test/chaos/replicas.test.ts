import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'

import { needed } from '../support/needs.ts'
import { foundSandbox } from '../workers/rig.ts'
import { lookAround } from './aftermath.ts'
import { runChaos } from './chaos.ts'
import { storyOf, summaryOf } from './summary.ts'

const redisServer = needed('redis-server')
const seed = Number(process.env['BERTH_CHAOS_SEED'] ?? randomInt(2 ** 31))

/** The short one; `npm run chaos` is the long one. */
test(
  `what may happen to replicas ends no session (BERTH_CHAOS_SEED=${seed})`,
  { skip: redisServer.skip },
  async (t) => {
    if (redisServer.skip !== false) return
    const scene = await runChaos(t, {
      seed,
      seconds: 15,
      sessions: 16,
      redisServer: redisServer.path,
      withSandbox: foundSandbox.support.available,
    })
    const { tally } = scene
    const fates = await lookAround(scene)
    t.diagnostic(summaryOf(scene, fates))
    assert.deepEqual(tally.wrongs, [], storyOf(scene))
    assert.ok(tally.counts.answered > 0)
    assert.ok((fates.counts.get('lives') ?? 0) > 0)
  },
)
