import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Redis } from 'ioredis'

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

  const hindrances: [
    string,
    RegExp,
    (client: Redis) => Promise<unknown>,
    (client: Redis) => Promise<unknown>,
  ][] = [
    [
      'is a replica',
      /replica/,
      (client) => client.replicaof('127.0.0.1', 1),
      (client) => client.replicaof('NO', 'ONE'),
    ],
    [
      'is full',
      /full \(maxmemory\)/,
      (client) => client.config('SET', 'maxmemory', '1'),
      (client) => client.config('SET', 'maxmemory', '0'),
    ],
    [
      'misses its replicas',
      /too few of its replicas/,
      (client) => client.config('SET', 'min-replicas-to-write', '3'),
      (client) => client.config('SET', 'min-replicas-to-write', '0'),
    ],
    [
      'lets nobody in any more',
      /does not let the user of Berth in/,
      (client) => client.call('ACL', 'SETUSER', 'gateway', '-@all', '+subscribe'),
      (client) => client.call('ACL', 'SETUSER', 'gateway', '+@all'),
    ],
  ]
  for (const [what, said, hinder, mend] of hindrances) {
    test(`a Redis that ${what} is away until it takes writes again`, async (t) => {
      const path = need(t, 'redis-server')
      if (path === undefined) return
      const redis = await startRedis(t, path)
      await redis.client.call('ACL', 'SETUSER', 'gateway', 'on', '>hush', '~*', '&*', '+@all')
      const user = { username: 'gateway', password: 'hush' }
      const watched = await openStore(t, redis.config(user))
      const { store, backs } = watched
      const record = recordAt(store.now())
      assert.equal(await store.create(record, room), 'created')
      assert.equal(await store.problem(), undefined)

      await hinder(redis.client)
      // Nobody opens a session: who asks is what finds out.
      await eventually(async () => assert.match((await store.problem()) ?? '', said))
      assert.equal(store.isAvailable(), false)
      await assertRefused(store.create(recordAt(store.now()), room))
      await eventually(async () => assert.match((await store.problem()) ?? '', said))

      await mend(redis.client)
      await eventually(() => assert.equal(backs.at(-1), true))
      await eventually(async () => assert.equal(await store.problem(), undefined))
      assert.equal((await store.get(record.id))?.id, record.id)
      await assertWorks(watched)
    })
  }

  test('however often it is asked whether it takes writes, it tries once in a while', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const { store } = await openStore(t, redis.config())
    const scripts = async (): Promise<number> => {
      const stats = await redis.client.info('commandstats')
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    }
    const before = await scripts()
    const beganMs = performance.now()
    for (let at = 0; at < 200; at += 1) {
      const asked = await Promise.all([store.problem(), store.problem()])
      assert.deepEqual(asked, [undefined, undefined])
    }
    const seconds = (performance.now() - beganMs) / 1000
    assert.ok((await scripts()) - before <= seconds + 1)
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
