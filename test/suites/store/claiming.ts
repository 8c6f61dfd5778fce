import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ClaimOptions } from '../../../src/sessions/store.ts'
import type { CreateStore } from './rig.ts'
import { endAt, recordAt, room, withLive } from './rig.ts'

const claim: ClaimOptions = { host: 'here', limit: 10, owner: 'a', leaseMs: 1000 }

export function claiming(create: CreateStore): void {
  test('hands out what is due, at its time and not before', async (t) => {
    const { store, id, advance } = await withLive(create, t)
    await advance(999)
    assert.deepEqual(await store.claimDue(claim), [])
    await advance(1)
    const [due, ...more] = await store.claimDue(claim)
    assert.equal(due?.id, id)
    assert.deepEqual(more, [])
  })

  test('hands out what has reached its maximum, in whatever state', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const queued = recordAt(nowMs(), { idleAtMs: nowMs() + 5, maxAtMs: nowMs() + 2000 })
    await store.create(queued, room)
    await advance(1000)
    assert.equal((await store.claimDue(claim))[0]?.id, queued.id, 'whoever starts it has gone')
    await advance(1000)
    assert.equal((await store.claimDue(claim))[0]?.id, queued.id)
  })

  test('hands out what nobody starts any more, and not what is kept alive', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const soon = { idleAtMs: nowMs() + 1000, maxAtMs: nowMs() + 60_000 }
    const [queued, starting, kept] = [
      recordAt(nowMs(), soon),
      recordAt(nowMs(), soon),
      recordAt(nowMs(), soon),
    ]
    for (const record of [queued, starting, kept]) await store.create(record, room)
    await store.update(starting.id, 1, { state: 'starting' })
    await store.update(kept.id, 1, { state: 'starting' })
    await store.touch([{ id: kept.id, idleAtMs: nowMs() + 2000 }])
    await advance(1000)
    const due = await store.claimDue(claim)
    assert.deepEqual(due.map(({ id }) => id).sort(), [queued.id, starting.id].sort())
    assert.deepEqual(due.map(({ state }) => state).sort(), ['queued', 'starting'])
  })

  test('hands out a session that reaches its maximum, however busy it is', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const record = recordAt(nowMs(), { idleAtMs: nowMs() + 500, maxAtMs: nowMs() + 1000 })
    await store.create(record, room)
    await store.touch([{ id: record.id, idleAtMs: nowMs() + 60_000 }])
    await advance(999)
    assert.deepEqual(await store.claimDue(claim), [])
    await advance(1)
    assert.equal((await store.claimDue(claim))[0]?.id, record.id)
  })

  test('hands out what one owner has taken to no other until the lease is over', async (t) => {
    const { store, id, advance } = await withLive(create, t)
    await advance(1000)
    assert.equal((await store.claimDue(claim)).length, 1)
    assert.deepEqual(await store.claimDue({ ...claim, owner: 'b' }), [])
    await advance(999)
    assert.deepEqual(await store.claimDue({ ...claim, owner: 'b' }), [])
    await advance(1)
    assert.equal((await store.claimDue({ ...claim, owner: 'b' }))[0]?.id, id)
    assert.deepEqual(await store.claimDue(claim), [])
  })

  test('hands out an end that was begun and not finished, but not one that is over', async (t) => {
    const { store, id, live, nowMs } = await withLive(create, t)
    await store.update(id, live.version, { state: 'closing', end: endAt(nowMs()) })
    assert.equal((await store.claimDue(claim))[0]?.id, id)
    await store.update(id, live.version + 1, { state: 'closed' })
    assert.deepEqual(await store.claimDue(claim), [])
  })

  test('hands out what this host can end, and no more than it can take', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const past = { maxAtMs: nowMs() + 1 }
    const ours = [recordAt(nowMs(), past), recordAt(nowMs(), past), recordAt(nowMs(), past)]
    for (const record of ours) await store.create(record, room)
    await store.create(recordAt(nowMs(), { ...past, host: 'elsewhere' }), room)
    await advance(10)
    const some = await store.claimDue({ ...claim, limit: 2 })
    assert.equal(some.length, 2)
    const rest = await store.claimDue({ ...claim, owner: 'b' })
    assert.deepEqual([...some, ...rest].map(({ id }) => id).sort(), ours.map(({ id }) => id).sort())
  })
}
