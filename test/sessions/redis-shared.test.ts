import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { createRedisStore } from '../../src/sessions/stores/redis.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { needed } from '../support/needs.ts'
import type { Owner } from '../support/temp.ts'
import { startRedis } from '../support/redis.ts'
import { end, endAt, recordAt, room, shownBy } from '../suites/store/rig.ts'

const server = needed('redis-server')
const redis = server.skip === false ? await startRedis({ after }, server.path) : undefined
let count = 0

async function open(t: Owner, prefix: string, aheadMs = 0) {
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const store = await createRedisStore(redis!.config({ prefix }), { clock })
  atEnd(t, () => store.close())
  return store
}

/** Two gateways on one Redis, to themselves. */
async function openTwo(t: Owner) {
  count += 1
  const prefix = `shared-${count}`
  const [one, two] = await Promise.all([open(t, prefix), open(t, prefix)])
  const keys = () => redis!.client.keys(`*${prefix}*`)
  return { one, two, prefix, keys }
}

describe('several gateways on one Redis', { skip: server.skip }, () => {
  test('each sees what another writes, and hears of its ends', async (t) => {
    const { one, two } = await openTwo(t)
    const told: string[] = []
    two.subscribe({ onEnded: ({ id }) => told.push(id), onBack: () => assert.fail('it was there') })
    const record = recordAt(one.now())
    await one.create(record, room)
    assert.deepEqual(await two.get(record.id), record)
    await two.update(record.id, 1, { state: 'starting' })
    await one.update(record.id, 2, { state: 'closing', end: endAt(1) })
    await eventually(() => assert.deepEqual(told, [record.id]))
    const others = await open(t, `${redis!.config().prefix}-other`)
    assert.equal(await others.get(record.id), undefined)
    assert.deepEqual(await shownBy(others), [])
  })

  test('give no place away twice', async (t) => {
    const { one, two } = await openTwo(t)
    const caps = { maxSessions: 5, maxSessionsPerPrincipal: 100 }
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? one : two).create(recordAt(one.now()), caps),
      ),
    )
    assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 5)
  })

  test('let one of them end what is due by the clock of Redis, however wrong theirs are', async (t) => {
    const { one, prefix } = await openTwo(t)
    const fast = await open(t, prefix, 3_600_000)
    assert.ok(Math.abs(fast.now() - one.now()) < 1000)
    const due = recordAt(one.now(), { idleAtMs: one.now() - 60_000 })
    const later = recordAt(one.now(), { idleAtMs: one.now() + 60_000, maxAtMs: one.now() + 60_000 })
    for (const record of [due, later]) await one.create(record, room)
    const claim = { host: 'here', limit: 10, leaseMs: 60_000 }
    const claimed = await Promise.all([
      one.claimDue({ ...claim, owner: 'a' }),
      fast.claimDue({ ...claim, owner: 'b' }),
    ])
    assert.deepEqual(
      claimed.flat().map(({ id }) => id),
      [due.id],
    )
    await fast.heartbeat({ host: 'here', owner: 'b', installation: 'i' })
    assert.ok(Math.abs(fast.now() - one.now()) < 1000)
  })

  test('touch any number of sessions with one command', async (t) => {
    const { one } = await openTwo(t)
    const records = Array.from({ length: 50 }, () => recordAt(one.now()))
    await Promise.all(records.map((record) => one.create(record, room)))
    const touches = records.map(({ id, idleAtMs }) => ({ id, idleAtMs: idleAtMs + 1 }))
    await one.touch(touches)
    await redis!.client.config('RESETSTAT')
    const answers = await one.touch(touches)
    assert.equal(answers.filter((answer) => answer !== undefined).length, 50)
    const stats = await redis!.client.info('commandstats')
    assert.match(stats, /cmdstat_evalsha:calls=1,/)
    assert.doesNotMatch(stats, /cmdstat_(eval|publish):/)
  })

  test('leave tombstones behind, and nothing that stays', async (t) => {
    const { one, two, prefix, keys } = await openTwo(t)
    const lives = ['a', 'b'].map((owner) => ({ host: 'here', owner, installation: prefix }))
    await one.enroll(prefix)
    for (const life of lives) await (life.owner === 'a' ? one : two).heartbeat(life)
    const [kept, removed] = [recordAt(one.now()), recordAt(one.now())]
    for (const record of [kept, removed]) await one.create(record, room)
    const all = await keys()
    assert.equal(all.length, 8, all.join())
    // Redis Cluster looks for a node by what stands in the first braces.
    for (const key of await redis!.client.keys('*')) assert.match(key, /^\{(shared-\d|berth)/)
    assert.equal(await redis!.client.pttl(`{${prefix}}:session:${kept.id}`), -1)
    await one.claimDue({ host: 'here', limit: 1, owner: 'a', leaseMs: 1 })
    await end(one, kept.id, 1)
    await one.remove(removed.id)
    await one.close()
    await two.close()
    const left = await keys()
    assert.deepEqual(left.map((key) => key.slice(prefix.length + 3)).sort(), [
      'ids',
      `installation:${prefix}`,
      `session:${kept.id}`,
    ])
    for (const key of left) assert.ok((await redis!.client.pttl(key)) > 0, key)
  })

  test('forget the bookkeeping of hosts and replicas that are silent for a day', async (t) => {
    const { one, prefix } = await openTwo(t)
    const { client } = redis!
    const [hosts, replicas, ids] = ['hosts', 'replicas', 'ids'].map((key) => `{${prefix}}:${key}`)
    const longAgo = String(Date.now() - 25 * 3600 * 1000)
    await client.zadd(hosts!, longAgo, 'gone', longAgo, 'with a session')
    await client.zadd(replicas!, longAgo, 'gone')
    await client.zadd(ids!, longAgo, 'a tombstone that is gone')
    const record = recordAt(one.now(), { host: 'with a session' })
    await one.create(record, room)
    await one.heartbeat({ host: 'here', owner: 'a', installation: 'i' })
    assert.deepEqual(await client.zrange(hosts!, '0', '-1'), ['with a session', 'here'])
    assert.deepEqual(await client.zrange(replicas!, '0', '-1'), ['a'])
    assert.deepEqual(await client.zrange(ids!, '0', '-1'), [record.id])
  })

  test('do without records that Redis has thrown away', async (t) => {
    const { one, prefix } = await openTwo(t)
    const past = { idleAtMs: one.now() - 60_000, maxAtMs: one.now() - 60_000 }
    const [evicted, other] = [recordAt(one.now(), past), recordAt(one.now(), past)]
    for (const record of [evicted, other]) await one.create(record, room)
    await redis!.client.del(`{${prefix}}:session:${evicted.id}`)
    const caps = { maxSessions: 2, maxSessionsPerPrincipal: 2 }
    assert.deepEqual(await shownBy(one), [other.id])
    assert.equal(await one.create(recordAt(one.now()), caps), 'created')
    assert.equal(await one.create(recordAt(one.now()), caps), 'principal-full')
    const claim = { host: 'here', limit: 10, owner: 'a', leaseMs: 1000 }
    assert.equal((await one.claimDue(claim))[0]?.id, other.id)
    assert.deepEqual(await one.touch([{ id: evicted.id, idleAtMs: 1 }]), [undefined])
    await one.remove(evicted.id)
  })
})
