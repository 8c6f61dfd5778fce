import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { createRedisStore } from '../../src/sessions/stores/redis.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { needed } from '../support/needs.ts'
import { openRaw } from '../support/raw-session.ts'
import type { Owner } from '../support/temp.ts'
import { startRedis } from '../support/redis.ts'
import { recordAt, room, shownBy } from '../suites/store/rig.ts'

const server = needed('redis-server')
const redis = server.skip === false ? await startRedis({ after }, server.path) : undefined
let count = 0

async function open(t: Owner) {
  count += 1
  const config = redis!.config({ prefix: `strangers-${count}` })
  const warnings: string[] = []
  const store = await createRedisStore(config, {
    clock: systemClock,
    warn: (message) => warnings.push(message),
  })
  atEnd(t, () => store.close())
  const key = (rest: string): string => `{strangers-${count}}:${rest}`
  return { store, warnings, key, client: redis!.client }
}

const due = { host: 'here', owner: 'a', limit: 100, leaseMs: 1000 }
const life = { host: 'here', owner: 'a', installation: 'i' }
const messages = ['', 'x', '{}', 'null', '[', '0', '[1,2]', '["id"]', '["v","{"]', '{"session":7}']

describe('what others have written into Redis', { skip: server.skip }, () => {
  test('as news is ignored, and told once', async (t) => {
    const { store, warnings, key, client } = await open(t)
    const heard: string[] = []
    store.subscribe({ onEnded: ({ id }) => heard.push(id), onBack: () => undefined })
    const record = recordAt(store.now())
    await store.create(record, room)
    for (const message of [...messages, '[['.repeat(20_000)]) {
      await client.publish(key('ended:0'), message)
    }
    const end = { reason: 'stopped' as const, atMs: 1 }
    await store.update(record.id, 1, { state: 'closing', end })
    await eventually(() => assert.deepEqual(heard, [record.id]))
    assert.equal(warnings.filter((warning) => warning.startsWith('A message')).length, 1)
  })

  const plants: [string, (key: string) => Promise<unknown>][] = [
    ['a text', (key) => redis!.client.set(key, 'x')],
    ['a list', (key) => redis!.client.rpush(key, 'x')],
    ['a set', (key) => redis!.client.sadd(key, 'x')],
    ['other fields', (key) => redis!.client.hset(key, { state: 'live', id: 'x' })],
    ['fields that are no JSON', (key) => redis!.client.hset(key, { idleAtMs: 'x', maxAtMs: '{' })],
    ['a version without an end', (key) => redis!.client.hset(key, { version: '1e400', v: 'x' })],
  ]
  for (const [what, plant] of plants) {
    test(`in place of a record (${what}) harms no other, and gives way to what is known`, async (t) => {
      const { store, warnings, key, client } = await open(t)
      const mine = { ...recordAt(store.now()), host: 'here' }
      const other = { ...recordAt(store.now()), host: 'here', idleAtMs: 1 }
      await store.create(mine, room)
      await store.create(other, room)
      const at = key(`session:${mine.id}`)
      const isField = what.includes('JSON') || what.includes('version')
      if (!isField) await client.del(at)
      await plant(at)
      await client.zadd(key('host:here'), 0, mine.id)

      assert.equal(await store.get(mine.id), undefined)
      const [, touched] = await store.touch([
        { id: mine.id, idleAtMs: 5 },
        { id: other.id, idleAtMs: 2 },
      ])
      assert.deepEqual(touched, { version: 1, idleAtMs: 2 })
      assert.deepEqual(await shownBy(store), [other.id])
      assert.deepEqual(
        (await store.claimDue(due)).map(({ id }) => id),
        [other.id],
      )
      assert.equal(warnings.length, 1, warnings.join('\n'))

      assert.equal(await store.restore(mine), true)
      assert.deepEqual(await store.get(mine.id), mine)
      assert.equal((await store.update(mine.id, 1, { state: 'starting' }))?.version, 2)
    })
  }

  test('as records that are due is not in the way of those that are', async (t) => {
    const { store, key, client } = await open(t)
    const record = { ...recordAt(store.now()), host: 'here', idleAtMs: 100 }
    await store.create(record, room)
    const pipeline = client.pipeline()
    for (let at = 0; at < 150; at += 1) {
      pipeline.hset(key(`session:g${at}`), { state: 'live', idleAtMs: '{' })
      pipeline.zadd(key('host:here'), 1, `g${at}`)
    }
    await pipeline.exec()
    const claimed = [...(await store.claimDue(due)), ...(await store.claimDue(due))]
    assert.deepEqual(
      claimed.map(({ id }) => id),
      [record.id],
    )
  })

  test('in place of the indexes is gone with the next sign of life, and what is open is in them again', async (t) => {
    const { store, key, client } = await open(t)
    const record = { ...recordAt(store.now()), host: 'here', key: 'k' }
    await store.create(record, room)
    for (const name of [
      'host:here',
      'ids',
      'hosts',
      'replicas',
      `principal:${record.principal}`,
      'key:k',
    ]) {
      await client.set(key(name), 'x')
      if (name === 'key:k') await client.del(key(name)).then(() => client.rpush(key(name), 'x'))
    }
    await store.heartbeat(life)
    assert.equal(await store.getByKey('k'), undefined)
    assert.equal((await store.touch([{ id: record.id, idleAtMs: 1 }]))[0]?.version, 1)
    assert.deepEqual(await shownBy(store), [record.id])
    await store.create({ ...recordAt(store.now()), host: 'here' }, room)
    assert.equal((await store.update(record.id, 1, { state: 'starting' }))?.version, 2)
  })

  test('harms no session of a gateway', async (t) => {
    count += 1
    const prefix = `strangers-${count}`
    const echo = compiled('test/fixtures/workers/tells-who.js')
    const gateway = await startTestGateway(
      t,
      { echo: { command: ['node', echo] } },
      { store: redis!.config({ prefix }) },
    )
    const [mine, other] = [await openRaw(gateway.mcp('echo')), await openRaw(gateway.mcp('echo'))]
    const { client } = redis!
    for (const message of messages) await client.publish(`{${prefix}}:ended:0`, message)
    await gateway.saw('operator.warned', ({ message }) => /^A message in Redis/.test(message))
    const key = `{${prefix}}:session:${mine.id}`
    await client.del(key)
    await client.set(key, 'x')
    for (const session of [mine, other]) {
      assert.equal((await session.call('identify')).status, 200)
    }
    await eventually(async () => assert.equal(await client.type(key), 'hash'))
    for (const session of [mine, other]) {
      assert.equal((await session.remove()).status, 200)
      await gateway.saw('session.closed', ({ session: handle }) => handle === session.handle)
    }
    assert.deepEqual(gateway.seen('fault.caught'), [])
  })
})
