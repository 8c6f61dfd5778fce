import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { need } from '../support/needs.ts'
import { startRedis } from '../support/redis.ts'
import { recordAt, room, shownBy } from '../suites/store/rig.ts'
import { assertAway, assertRefused, assertWorks, openStore } from './redis-rig.ts'

describe('outages', { concurrency: true }, () => {
  test('a Redis that goes away and comes back empty', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const watched = await openStore(t, redis.config())
    const { store, backs } = watched
    await assertWorks(watched)
    await redis.stop('SIGKILL')
    await assertAway(store)
    assert.deepEqual(backs, [])
    await redis.start()
    await eventually(() => assert.deepEqual(backs, [true]))
    assert.deepEqual(await shownBy(store), [])
    await assertWorks(watched)
  })

  test('a Redis that comes back with its data', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path, { durable: true })
    const watched = await openStore(t, redis.config())
    const { store, backs } = watched
    const record = recordAt(store.now())
    await store.create(record, room)
    await redis.stop()
    await redis.start()
    await eventually(() => assert.deepEqual(backs, [true]))
    assert.deepEqual(await store.get(record.id), record)
    await assertWorks(watched)
  })

  test('a Redis that stands still counts as away, and is not waited for again', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const watched = await openStore(t, redis.config())
    const { store, backs } = watched
    redis.pause()
    await assertAway(store)
    redis.resume()
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks(watched)
  })

  test('a Redis that has forgotten the scripts gets them again', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const watched = await openStore(t, redis.config())
    await assertWorks(watched)
    await redis.client.script('FLUSH')
    await assertWorks(watched)
  })

  test('a Redis that takes no writes is away until it does', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const watched = await openStore(t, redis.config())
    const { store, backs } = watched
    await redis.client.replicaof('127.0.0.1', 1)
    await assertRefused(store.create(recordAt(1), room))
    assert.equal(store.isAvailable(), false)
    await redis.client.replicaof('NO', 'ONE')
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks(watched)
  })

  test('the loss of the connection for news alone is told when it is over', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const watched = await openStore(t, redis.config())
    const { backs } = watched
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks(watched)
  })

  test('a store can be closed while Redis is away', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const { store } = await openStore(t, redis.config())
    await store.heartbeat({ host: 'here', owner: 'a', installation: 'i' })
    await redis.stop()
    await store.close()
    assert.equal(store.isAvailable(), false)
  })
})
