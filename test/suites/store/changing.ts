import assert from 'node:assert/strict'
import { test } from 'node:test'

import { tombstoneMs } from '../../../src/sessions/record.ts'
import type { CreateStore } from './rig.ts'
import { endAt, recordAt, room, withLive } from './rig.ts'

export function changing(create: CreateStore): void {
  test('writes a change once, whoever was first', async (t) => {
    const { store, id, live } = await withLive(create, t)
    const outcomes = await Promise.all([
      store.update(id, live.version, { state: 'closing', end: { reason: 'idle', atMs: 1 } }),
      store.update(id, live.version, { state: 'closing', end: { reason: 'stopped', atMs: 2 } }),
    ])
    assert.equal(outcomes.filter((written) => written !== undefined).length, 1)
    const stored = await store.get(id)
    assert.equal(stored?.version, live.version + 1)
    assert.deepEqual(stored.end, outcomes[0]?.end ?? outcomes[1]?.end)
    assert.equal(await store.update('other', 1, { state: 'closing' }), undefined)
  })

  test('leaves what a change does not name as it is', async (t) => {
    const { store, id, live } = await withLive(create, t)
    const written = await store.update(id, live.version, { client: 'c 1' })
    assert.deepEqual(written, { ...live, client: 'c 1', version: live.version + 1 })
    assert.deepEqual(await store.get(id), written)
  })

  test('moves deadlines of idleness on, never back, and no version with them', async (t) => {
    const { store, id, live } = await withLive(create, t)
    const later = live.idleAtMs + 500
    await store.touch([
      { id, idleAtMs: later },
      { id: 'other', idleAtMs: later },
    ])
    await store.touch([{ id, idleAtMs: later - 200 }])
    assert.deepEqual(await store.get(id), { ...live, idleAtMs: later })
    assert.equal((await store.update(id, live.version, { client: 'c' }))?.idleAtMs, later)
    await store.touch([])
  })

  test('answers a touch with what is stored now, in the same order', async (t) => {
    const { store, id, live, nowMs } = await withLive(create, t)
    const [ended, queued] = [recordAt(nowMs()), recordAt(nowMs())]
    for (const record of [ended, queued]) await store.create(record, room)
    await store.update(ended.id, 1, { state: 'closing', end: endAt(nowMs()) })
    const answers = await store.touch([
      { id: 'other', idleAtMs: 1 },
      { id, idleAtMs: 0 },
      { id: ended.id, idleAtMs: nowMs() + 99_000 },
      { id: queued.id, idleAtMs: queued.idleAtMs + 7 },
    ])
    assert.deepEqual(answers, [
      undefined,
      { version: live.version, idleAtMs: live.idleAtMs },
      undefined,
      { version: 1, idleAtMs: queued.idleAtMs + 7 },
    ])
    assert.deepEqual(await store.touch([]), [])
  })

  test('does not touch what has ended', async (t) => {
    const { store, id, live, nowMs } = await withLive(create, t)
    for (const [at, state] of (['closing', 'closed'] as const).entries()) {
      await store.update(id, live.version + at, { state, end: endAt(nowMs()) })
      const before = await store.get(id)
      await store.touch([{ id, idleAtMs: live.idleAtMs + 5000 }])
      assert.deepEqual(await store.get(id), before)
    }
  })

  test('does not prolong what is only read', async (t) => {
    const { store, id, advance } = await withLive(create, t)
    for (let times = 0; times < 3; times += 1) {
      await advance(400)
      await store.get(id)
      for await (const { version } of store.scan()) assert.ok(version > 0)
    }
    assert.deepEqual(
      (await store.claimDue({ host: 'here', limit: 1, owner: 'a', leaseMs: 1 })).map(
        (due) => due.id,
      ),
      [id],
    )
  })

  test('forgets what is removed', async (t) => {
    const { store, id, live } = await withLive(create, t)
    await store.remove(id)
    assert.equal(await store.get(id), undefined)
    assert.equal(await store.update(id, live.version, { state: 'closing' }), undefined)
    await store.remove(id)
  })

  test('remembers what has ended for an hour, and shows it to those who look', async (t) => {
    const { store, id, live, nowMs, advance } = await withLive(create, t)
    await store.update(id, live.version, { state: 'closing', end: endAt(nowMs()) })
    await store.update(id, live.version + 1, { state: 'closed' })
    await advance(tombstoneMs - 1000)
    assert.equal((await store.get(id))?.end?.reason, 'idle')
    const shown: string[] = []
    for await (const record of store.scan()) shown.push(record.id)
    assert.deepEqual(shown, [id])
    await advance(5 * 60_000)
    assert.equal(await store.get(id), undefined)
  })
}
