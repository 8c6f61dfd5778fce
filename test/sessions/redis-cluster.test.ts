import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { need } from '../support/needs.ts'
import { redisConfig, startRedis } from '../support/redis.ts'
import { assertAway, assertServes, assertWorks, openStore, refusal } from './redis-rig.ts'

test('a Redis Cluster serves from one slot, and may be down for a while', async (t) => {
  const path = need(t, 'redis-server')
  if (path === undefined) return
  const redis = await startRedis(t, path, { cluster: true })
  const nodes = [{ host: '127.0.0.1', port: redis.port }]
  const config = redisConfig({ place: { kind: 'cluster', nodes } })
  assert.equal(await assertServes(t, config), `redis:127.0.0.1:${redis.port} berth`)
  await assertServes(t, redis.config({ prefix: 'by socket' }))

  const watched = await openStore(t, config)
  const { store, backs } = watched
  await redis.client.call('CLUSTER', 'DELSLOTSRANGE', '0', '16383')
  await assertAway(store)
  await redis.client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await eventually(() => assert.deepEqual(backs, [true]))
  await assertWorks(watched)

  await redis.client.script('FLUSH')
  for (const type of ['pubsub', 'normal']) {
    await redis.client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
  }
  await eventually(() => assert.deepEqual(backs, [true, true]))
  await assertWorks(watched)
})

test('a Redis that is no cluster says so', async (t) => {
  const path = need(t, 'redis-server')
  if (path === undefined) return
  const { port } = await startRedis(t, path, { tcp: true })
  const nodes = [{ host: '127.0.0.1', port }]
  assert.match(
    await refusal(redisConfig({ place: { kind: 'cluster', nodes } })),
    /^store\.cluster: .* is no node of a cluster\. Write store\.url/,
  )
})
