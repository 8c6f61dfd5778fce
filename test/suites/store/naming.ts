import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { CreateStore } from './rig.ts'
import { endAt, recordAt, room } from './rig.ts'

/** Keys, by which sessions are found whose clients have named them. */
export function naming(create: CreateStore): void {
  test('has one session under a key until its end begins, and then the next', async (t) => {
    const { store, nowMs } = await create(t)
    const keyed = () => recordAt(nowMs(), { key: 'k' })
    const [one, two] = [keyed(), keyed()]
    assert.equal(await store.getByKey('k'), undefined)
    assert.equal(await store.create(one, room), 'created')
    assert.equal(await store.create(two, room), 'exists')
    assert.equal(await store.get(two.id), undefined)
    assert.deepEqual(await store.getByKey('k'), one)
    assert.equal(await store.create(recordAt(nowMs(), { key: 'other' }), room), 'created')

    await store.update(one.id, 1, { state: 'closing', end: endAt(nowMs()) })
    assert.equal((await store.getByKey('k'))?.end?.reason, 'idle')
    assert.equal(await store.create(two, room), 'created')
    assert.deepEqual(await store.getByKey('k'), two)
    await store.update(one.id, 2, { state: 'closed' })
    assert.deepEqual(await store.getByKey('k'), two)
    assert.equal((await store.get(one.id))?.state, 'closed', 'the tombstone stays')
  })

  test('lets one of many have a key', async (t) => {
    const { store, nowMs } = await create(t)
    const records = Array.from({ length: 10 }, () => recordAt(nowMs(), { key: 'k' }))
    const outcomes = await Promise.all(records.map((record) => store.create(record, room)))
    assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1)
    const winner = records[outcomes.indexOf('created')]
    assert.deepEqual(await store.getByKey('k'), winner)
  })

  test('forgets a key with its record', async (t) => {
    const { store, nowMs } = await create(t)
    const one = recordAt(nowMs(), { key: 'k' })
    await store.create(one, room)
    await store.remove(one.id)
    assert.equal(await store.getByKey('k'), undefined)
    assert.equal(await store.create(recordAt(nowMs(), { key: 'k' }), room), 'created')
  })

  test('gives a key back to what is restored, unless another has it', async (t) => {
    const { store, nowMs } = await create(t)
    const lost = recordAt(nowMs(), { key: 'k', version: 5, state: 'live' })
    assert.equal(await store.restore(lost), true)
    assert.deepEqual(await store.getByKey('k'), lost)
    const later = recordAt(nowMs(), { key: 'k', version: 5, state: 'live' })
    assert.equal(await store.restore(later), true)
    assert.deepEqual(await store.getByKey('k'), lost)
  })
}
