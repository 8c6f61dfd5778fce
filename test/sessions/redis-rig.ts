import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { GatewayError } from '../../src/ground/errors.ts'
import type { RedisStoreConfig } from '../../src/sessions/options.ts'
import type { SessionStore } from '../../src/sessions/store.ts'
import { createRedisStore } from '../../src/sessions/stores/redis.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { end, endAt, recordAt, room, shownBy } from '../suites/store/rig.ts'

/** A store, and what it has told so far. */
export interface Watched {
  store: SessionStore
  /** Whether it was available at each `onBack`. */
  backs: boolean[]
  /** Ids of what has ended. */
  told: string[]
}

export async function openStore(t: TestContext, config: RedisStoreConfig): Promise<Watched> {
  const store = await createRedisStore(config, { clock: systemClock })
  atEnd(t, () => store.close())
  const backs: boolean[] = []
  const told: string[] = []
  store.subscribe({
    onEnded: ({ id }) => told.push(id),
    onBack: () => backs.push(store.isAvailable()),
  })
  return { store, backs, told }
}

/** It fails with something that a client may be told. */
export function assertRefused(asked: Promise<unknown>): Promise<void> {
  return assert.rejects(asked, (error: unknown) => {
    assert.ok(error instanceof GatewayError)
    assert.equal(error.code, 'ERR_SESSIONS_STORE')
    assert.equal(error.retryAfterSeconds, 5)
    assert.ok(error.cause instanceof Error)
    assert.ok(!('command' in error.cause), 'arguments are records')
    return true
  })
}

/** So does every verb. */
export async function assertAway(store: SessionStore): Promise<void> {
  const record = recordAt(1)
  const verbs = [
    store.create(record, room),
    store.get(record.id),
    store.getByKey('key'),
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
export async function assertWorks({ store, told }: Watched): Promise<void> {
  const record = recordAt(store.now())
  assert.equal(await store.create(record, room), 'created')
  await store.update(record.id, 1, { state: 'closing', end: endAt(1) })
  await eventually(() => assert.ok(told.includes(record.id)))
}

/** Every verb does what it should, over that way to Redis. */
export async function assertServes(t: TestContext, config: RedisStoreConfig): Promise<string> {
  const { store, told } = await openStore(t, config)
  const record = recordAt(store.now(), { idleAtMs: store.now() - 60_000 })
  assert.equal(await store.create(record, room), 'created')
  assert.equal((await store.touch([{ id: record.id, idleAtMs: 1 }]))[0]?.version, 1)
  const claim = { host: 'here', limit: 9, owner: 'a', leaseMs: 1, lostAfterMs: 1 }
  assert.equal((await store.claimDue(claim)).length, 1)
  assert.deepEqual(await shownBy(store), [record.id])
  assert.equal(await store.restore(record), true)
  await store.enroll('i')
  assert.equal(await store.heartbeat({ host: 'here', owner: 'a', installation: 'i' }), true)
  await end(store, record.id, 1)
  await eventually(() => assert.deepEqual(told, [record.id]))
  await store.remove(record.id)
  assert.equal(store.isAvailable(), true)
  return store.name
}

/** What a start with that configuration says. */
export async function refusal(config: RedisStoreConfig): Promise<string> {
  try {
    await createRedisStore(config, { clock: systemClock })
  } catch (error) {
    assert.ok(error instanceof GatewayError)
    assert.equal(error.code, 'ERR_CONFIG_INVALID')
    assert.doesNotMatch(JSON.stringify([error.message, error.cause]), /hush/)
    return error.message
  }
  return assert.fail('it was taken')
}
