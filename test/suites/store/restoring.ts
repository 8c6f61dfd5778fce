import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { CreateStore } from './rig.ts'
import { end, endAt, recordAt, room, shownBy, withLive } from './rig.ts'

const claim = { host: 'here', limit: 10, owner: 'a', leaseMs: 1000 }

/** What a gateway writes back of living workers after the store has lost data. */
export function restoring(create: CreateStore): void {
  test('takes back what it has lost, as it was', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const lost = recordAt(nowMs(), { version: 7, state: 'live', idleAtMs: nowMs() + 1000 })
    assert.equal(await store.restore(lost), true)
    assert.deepEqual(await store.get(lost.id), lost)
    assert.equal((await store.update(lost.id, 7, { client: 'c' }))?.version, 8)
    await advance(1000)
    assert.equal((await store.claimDue(claim))[0]?.id, lost.id)
  })

  test('takes a later version for an older one, whole, and not the other way round', async (t) => {
    const { store, id, live } = await withLive(create, t)
    await store.update(id, live.version, { client: 'c', protocolVersion: 'p' })
    const later = { ...live, version: 9, workerSessionId: 'w' }
    assert.equal(await store.restore(later), true)
    assert.deepEqual(await store.get(id), later)
    assert.equal(await store.restore({ ...live, version: 8 }), true, 'it is stored, and later')
    assert.equal(await store.restore({ ...later, client: 'other' }), true)
    assert.deepEqual(await store.get(id), later)
  })

  test('lets an end that was begun win, and a tombstone', async (t) => {
    const { store, id, live, nowMs } = await withLive(create, t)
    await store.update(id, live.version, { state: 'closing', end: endAt(nowMs()) })
    assert.equal(await store.restore({ ...live, version: 99 }), false)
    assert.equal((await store.get(id))?.state, 'closing')
    await store.update(id, live.version + 1, { state: 'closed' })
    assert.equal(await store.restore({ ...live, version: 99 }), false)
    assert.equal((await store.get(id))?.state, 'closed')
  })

  test('counts what was taken back at once, beyond every cap', async (t) => {
    const { store, nowMs } = await create(t)
    const caps = { maxSessions: 3, maxSessionsPerPrincipal: 2 }
    const [one, two] = [recordAt(nowMs()), recordAt(nowMs())]
    await store.create(one, caps)
    for (const record of [two, recordAt(nowMs()), recordAt(nowMs())]) {
      await store.restore({ ...record, state: 'live', version: 3 })
    }
    assert.equal(await store.create(recordAt(nowMs()), caps), 'principal-full')
    assert.equal(await store.create(recordAt(nowMs(), { principal: 'eve' }), caps), 'gateway-full')
    await store.restore({ ...two, state: 'live', version: 4 })
    await store.remove(two.id)
    await end(store, one.id, 1)
    assert.equal(await store.create(recordAt(nowMs(), { principal: 'eve' }), caps), 'created')
    assert.equal(await store.create(recordAt(nowMs()), caps), 'principal-full')
  })

  test('shows all, or what is not closed of one host', async (t) => {
    const { store, nowMs } = await create(t)
    const records = ['here', 'here', 'far', 'here'].map((host) => recordAt(nowMs(), { host }))
    const [one, two, far, closed] = records.map(({ id }) => id)
    for (const record of records) await store.create(record, room)
    await store.update(two!, 1, { state: 'closing', end: endAt(nowMs()) })
    await end(store, closed!, 1)
    assert.deepEqual(await shownBy(store), [one, two, far, closed].sort())
    assert.deepEqual(await shownBy(store, 'here'), [one, two].sort())
    assert.deepEqual(await shownBy(store, 'here', [String(one)]), [two])
    assert.deepEqual(await shownBy(store, 'far'), [far])
    assert.deepEqual(await shownBy(store, 'nowhere'), [])
  })

  test('lets a session move to another host', async (t) => {
    const { store, id, live, advance } = await withLive(create, t)
    await store.update(id, live.version, { host: 'far' })
    assert.deepEqual(await shownBy(store, 'here'), [])
    assert.deepEqual(await shownBy(store, 'far'), [id])
    await advance(1000)
    assert.deepEqual(await store.claimDue(claim), [])
    assert.equal((await store.claimDue({ ...claim, host: 'far' }))[0]?.id, id)
  })

  test('shows many', async (t) => {
    const { store, nowMs } = await create(t)
    const records = Array.from({ length: 300 }, () => recordAt(nowMs()))
    await Promise.all(records.map((record) => store.restore(record)))
    assert.deepEqual(await shownBy(store), records.map(({ id }) => id).sort())
  })
}
