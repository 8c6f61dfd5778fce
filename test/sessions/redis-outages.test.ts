import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'

import { systemClock } from '../../src/clock.ts'
import { GatewayError } from '../../src/errors.ts'
import type { SessionStore } from '../../src/sessions/store.ts'
import { createRedisStore } from '../../src/sessions/stores/redis.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { need } from '../support/needs.ts'
import type { RedisOptionsOfTest } from '../support/redis.ts'
import { startRedis } from '../support/redis.ts'
import { endAt, recordAt, room, shownBy } from '../suites/store/rig.ts'

async function open(t: TestContext, path: string, options: RedisOptionsOfTest = {}) {
  const redis = await startRedis(t, path, options)
  const place = { kind: 'cluster' as const, nodes: [{ host: '127.0.0.1', port: redis.port }] }
  const config = options.cluster ? redis.config({ place }) : redis.config()
  const store = await createRedisStore(config, { clock: systemClock })
  atEnd(t, () => store.close())
  const backs: boolean[] = []
  const told: string[] = []
  store.subscribe({
    onEnded: ({ id }) => told.push(id),
    onBack: () => backs.push(store.isAvailable()),
  })
  return { redis, store, backs, told }
}

function assertRefused(asked: Promise<unknown>): Promise<void> {
  return assert.rejects(asked, (error: unknown) => {
    assert.ok(error instanceof GatewayError)
    assert.equal(error.code, 'ERR_SESSIONS_STORE')
    assert.equal(error.retryAfterSeconds, 5)
    assert.ok(error.cause instanceof Error)
    assert.ok(!('command' in error.cause), 'arguments are records')
    return true
  })
}

/** Every verb fails, with something that a client may be told. */
async function assertAway(store: SessionStore): Promise<void> {
  const record = recordAt(1)
  const verbs = [
    store.create(record, room),
    store.get(record.id),
    store.touch([{ id: record.id, idleAtMs: 1 }]),
    store.update(record.id, 1, { state: 'starting' }),
    store.restore(record),
    store.remove(record.id),
    store.claimDue({ host: 'here', limit: 1, owner: 'a', leaseMs: 1 }),
    shownBy(store),
    store.heartbeat({ host: 'here', owner: 'a', installation: 'i' }),
    store.enroll('i'),
  ]
  await Promise.all(verbs.map(assertRefused))
  assert.equal(store.isAvailable(), false)
}

/** It can be written to, and news come in. */
async function assertWorks({ store, told }: { store: SessionStore; told: string[] }) {
  const record = recordAt(store.now())
  assert.equal(await store.create(record, room), 'created')
  await store.update(record.id, 1, { state: 'closing', end: endAt(1) })
  await eventually(() => assert.ok(told.includes(record.id)))
}

describe('outages', { concurrency: true }, () => {
  test('a Redis that goes away and comes back empty', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, backs, told } = await open(t, path)
    await assertWorks({ store, told })
    await redis.stop('SIGKILL')
    await assertAway(store)
    assert.deepEqual(backs, [])
    await redis.start()
    await eventually(() => assert.deepEqual(backs, [true]))
    assert.deepEqual(await shownBy(store), [])
    await assertWorks({ store, told })
  })

  test('a Redis Cluster that is down, or cuts its connections', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, backs, told } = await open(t, path, { cluster: true })
    await redis.client.call('CLUSTER', 'DELSLOTSRANGE', '0', '16383')
    await assertAway(store)
    await redis.client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks({ store, told })
    await redis.client.script('FLUSH')
    for (const type of ['pubsub', 'normal']) {
      await redis.client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
    }
    await eventually(() => assert.deepEqual(backs, [true, true]))
    await assertWorks({ store, told })
  })

  test('a Redis that comes back with its data', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, backs, told } = await open(t, path, { durable: true })
    const record = recordAt(store.now())
    await store.create(record, room)
    await redis.stop()
    await redis.start()
    await eventually(() => assert.deepEqual(backs, [true]))
    assert.deepEqual(await store.get(record.id), record)
    await assertWorks({ store, told })
  })

  test('a Redis that stands still counts as away, and is not waited for again', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, backs, told } = await open(t, path)
    redis.pause()
    await assertAway(store)
    redis.resume()
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks({ store, told })
  })

  test('a Redis that has forgotten the scripts gets them again', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, told } = await open(t, path)
    await assertWorks({ store, told })
    await redis.client.script('FLUSH')
    await assertWorks({ store, told })
  })

  test('a Redis that takes no writes is away until it does', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, backs, told } = await open(t, path)
    await redis.client.replicaof('127.0.0.1', 1)
    await assertRefused(store.create(recordAt(1), room))
    assert.equal(store.isAvailable(), false)
    await redis.client.replicaof('NO', 'ONE')
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks({ store, told })
  })

  test('the loss of the connection for news alone is told when it is over', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const { redis, store, backs, told } = await open(t, path)
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(() => assert.deepEqual(backs, [true]))
    await assertWorks({ store, told })
  })
})
