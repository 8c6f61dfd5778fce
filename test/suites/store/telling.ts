import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually } from '../../support/eventually.ts'
import type { CreateStore } from './rig.ts'
import { endAt, recordAt, room, withLive } from './rig.ts'

export function telling(create: CreateStore): void {
  test('tells of every end, once, until it is not asked to any more', async (t) => {
    const { store, id, live, nowMs } = await withLive(create, t)
    const told: string[] = []
    const heard: string[] = []
    const stop = store.subscribe({
      onEnded: (record) => told.push(`${record.id} ${record.end?.reason ?? ''}`),
      onBack: () => undefined,
    })
    store.subscribe({ onEnded: (record) => heard.push(record.id), onBack: () => undefined })
    await store.touch([{ id, idleAtMs: live.idleAtMs + 1 }])
    await store.update(id, live.version, { state: 'closing', end: endAt(nowMs()) })
    await store.update(id, live.version + 1, { state: 'closed', end: endAt(nowMs()) })
    await eventually(() => assert.deepEqual(told, [`${id} idle`]))
    stop()
    const other = recordAt(nowMs())
    await store.create(other, room)
    await store.update(other.id, 1, { state: 'closing', end: endAt(nowMs()) })
    await eventually(() => assert.deepEqual(heard, [id, other.id]))
    assert.equal(told.length, 1)
  })

  test('tells of an end with the whole record', async (t) => {
    const { store, id, live } = await withLive(create, t)
    const handle = { text: 'ü "/\\', list: [], map: {}, none: null, big: 1.5e300 }
    const end = { reason: 'stopped', atMs: 7, message: 'because', details: { oom: true } } as const
    const told = new Promise((resolve) => {
      store.subscribe({ onEnded: resolve, onBack: () => undefined })
    })
    const written = await store.update(id, live.version, { state: 'closing', handle, end })
    assert.deepEqual(await told, { ...live, state: 'closing', handle, end, version: 4 })
    assert.deepEqual(written, await told)
  })

  test('takes signs of life, and knows the installations that were put in', async (t) => {
    const { store } = await create(t)
    const life = { host: 'here', owner: 'a', installation: 'i' }
    assert.equal(await store.heartbeat(life), false)
    await store.enroll('i')
    assert.equal(await store.heartbeat(life), true)
    assert.equal(await store.heartbeat({ ...life, installation: 'j' }), false)
    await store.close()
  })

  test('tells the time of its clock, and that it is there', async (t) => {
    const { store, nowMs, advance } = await create(t)
    assert.equal(store.isAvailable(), true)
    assert.equal(await store.problem(), undefined)
    assert.equal(store.now(), nowMs())
    await advance(5000)
    assert.equal(store.now(), nowMs())
  })
}
