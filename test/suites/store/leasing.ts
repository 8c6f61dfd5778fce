import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ClaimOptions } from '../../../src/sessions/store.ts'
import type { CreateStore } from './rig.ts'
import { endAt, recordAt, room, withLive } from './rig.ts'

const claim: ClaimOptions = { host: 'here', limit: 10, owner: 'a', leaseMs: 1000 }
const byOther = { ...claim, owner: 'b' }
const life = { host: 'here', owner: 'a', installation: 'i' }

/** Who may end what, and what becomes of it when that one dies. */
export function leasing(create: CreateStore): void {
  test('lets a lease live as long as its owner gives signs of life', async (t) => {
    const { store, id, advance } = await withLive(create, t)
    await advance(1000)
    assert.equal((await store.claimDue(claim))[0]?.id, id)
    for (let times = 0; times < 3; times += 1) {
      await advance(900)
      await store.heartbeat(life)
      assert.deepEqual(await store.claimDue(byOther), [])
    }
    await advance(999)
    assert.deepEqual(await store.claimDue(byOther), [])
    await advance(1)
    assert.equal((await store.claimDue(byOther))[0]?.id, id)
  })

  test('gives an owner its own again', async (t) => {
    const { store, id, advance } = await withLive(create, t)
    await advance(1000)
    for (let times = 0; times < 2; times += 1) {
      assert.equal((await store.claimDue(claim))[0]?.id, id)
    }
    assert.deepEqual(await store.claimDue(byOther), [])
  })

  test('takes a lease back from an owner who wanted to end what lives', async (t) => {
    const { store, id, nowMs, advance } = await withLive(create, t)
    await advance(1000)
    assert.equal((await store.claimDue(claim))[0]?.id, id)
    await store.touch([{ id, idleAtMs: nowMs() + 500 }])
    assert.deepEqual(await store.claimDue(byOther), [])
    await advance(500)
    assert.equal((await store.claimDue(byOther))[0]?.id, id)
  })

  test('leases an end to whoever begins it', async (t) => {
    const { store, id, live, nowMs, advance } = await withLive(create, t)
    const changes = { state: 'closing', end: endAt(nowMs()) } as const
    const lost = await store.update(id, live.version - 1, changes, { owner: 'b', leaseMs: 60_000 })
    assert.equal(lost, undefined)
    await store.update(id, live.version, changes, { owner: 'a', leaseMs: 1000 })
    assert.deepEqual(await store.claimDue(byOther), [])
    assert.equal((await store.claimDue(claim))[0]?.id, id)
    await advance(1000)
    assert.equal((await store.claimDue(byOther))[0]?.id, id)
  })

  test('leaves sessions of other hosts alone, unless nothing was heard of the host', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const far = recordAt(nowMs(), { host: 'far', idleAtMs: nowMs() + 100_000 })
    const unknown = recordAt(nowMs(), { host: 'never heard of' })
    const ended = recordAt(nowMs(), { host: 'far' })
    for (const record of [far, unknown, ended]) await store.create(record, room)
    await store.update(ended.id, 1, { state: 'closing', end: endAt(nowMs()) })
    await store.update(ended.id, 2, { state: 'closed' })
    await store.heartbeat({ ...life, host: 'far', owner: 'far a' })
    await store.heartbeat(life)
    const observer = { ...claim, lostAfterMs: 15_000 }
    await advance(14_999)
    assert.deepEqual(await store.claimDue(observer), [])
    await advance(1)
    assert.deepEqual(await store.claimDue(claim), [], 'who was not connected all the time')
    const lost = await store.claimDue(observer)
    assert.deepEqual(
      lost.map(({ id }) => id),
      [far.id],
    )
    assert.deepEqual(await store.claimDue({ ...observer, owner: 'b' }), [], 'it is leased')
  })

  test('takes a host that is heard of again for no lost one', async (t) => {
    const { store, nowMs, advance } = await create(t)
    await store.create(recordAt(nowMs(), { host: 'far', idleAtMs: nowMs() + 100_000 }), room)
    await store.heartbeat({ ...life, host: 'far' })
    await advance(20_000)
    await store.heartbeat({ ...life, host: 'far' })
    assert.deepEqual(await store.claimDue({ ...claim, lostAfterMs: 15_000 }), [])
  })

  test('does not take the own host for lost', async (t) => {
    const { store, nowMs, advance } = await create(t)
    const busy = recordAt(nowMs(), { idleAtMs: nowMs() + 99_000, maxAtMs: nowMs() + 99_000 })
    await store.create(busy, room)
    await store.heartbeat(life)
    await advance(20_000)
    assert.deepEqual(await store.claimDue({ ...claim, lostAfterMs: 15_000 }), [])
  })
}
