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

export function telling(create: CreateStore): void {
  test('tells of every end, once, until it is not asked to any more', async (t) => {
    const { store, id, live, nowMs } = await withLive(create, t)
    const told: string[] = []
    const stop = store.subscribe({
      onEnded: (record) => told.push(`${record.id} ${record.end?.reason ?? ''}`),
      onBack: () => undefined,
    })
    await store.touch([{ id, idleAtMs: live.idleAtMs + 1 }])
    await store.update(id, live.version, { state: 'closing', end: endAt(nowMs()) })
    await store.update(id, live.version + 1, { state: 'closed', end: endAt(nowMs()) })
    assert.deepEqual(told, [`${id} idle`])
    stop()
    const other = recordAt(nowMs())
    await store.create(other, room)
    await store.update(other.id, 1, { state: 'closing', end: endAt(nowMs()) })
    assert.equal(told.length, 1)
  })

  test('takes signs of life, and lets go when it is closed', async (t) => {
    const { store } = await create(t)
    const life = { host: 'here', owner: 'a', installation: 'i' }
    assert.equal(await store.heartbeat(life), false)
    await store.enroll('i')
    assert.equal(await store.heartbeat(life), true)
    await store.close()
  })
}
