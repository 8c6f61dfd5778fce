import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually } from '../../support/eventually.ts'
import type { CreateStore } from './rig.ts'
import { endAt, recordAt, room, shownBy } from './rig.ts'

export function creating(create: CreateStore): void {
  test('gives back what was put into it, and nothing else', async (t) => {
    const { store, nowMs } = await create(t)
    const record = recordAt(nowMs(), {
      principal: 'https://issuer|üser',
      handle: { driver: 'process', pid: 5, own: true, none: null, text: '"' },
    })
    assert.equal(await store.create(record, room), 'created')
    assert.deepEqual(await store.get(record.id), record)
    assert.equal(await store.get('other'), undefined)
  })

  test('does not put a second record under an id', async (t) => {
    const { store, nowMs } = await create(t)
    const record = recordAt(nowMs())
    await store.create(record, room)
    const other = { ...record, principal: 'eve' }
    assert.equal(await store.create(other, room), 'exists')
    assert.deepEqual(await store.get(record.id), record)
  })

  test('does not change when what it gave, or was given, is changed', async (t) => {
    const { store, nowMs } = await create(t)
    const record = recordAt(nowMs())
    await store.create(record, room)
    const { id } = record
    record.state = 'closed'
    const got = await store.get(id)
    got!.state = 'closing'
    assert.equal((await store.get(id))?.state, 'queued')
    const updated = await store.update(id, 1, { state: 'starting' })
    updated!.state = 'closed'
    assert.equal((await store.get(id))?.state, 'starting')
  })

  test('keeps to the cap of a principal before that of the gateway', async (t) => {
    const { store, nowMs } = await create(t)
    const caps = { maxSessions: 2, maxSessionsPerPrincipal: 1 }
    const one = recordAt(nowMs())
    assert.equal(await store.create(one, caps), 'created')
    assert.equal(await store.create(recordAt(nowMs()), caps), 'principal-full')
    assert.equal(await store.create(recordAt(nowMs(), { principal: 'eve' }), caps), 'created')
    assert.equal(await store.create(recordAt(nowMs(), { principal: 'cain' }), caps), 'gateway-full')
    assert.equal(await store.create(recordAt(nowMs()), caps), 'principal-full')
    // An ended session takes its place until its worker is gone.
    await store.update(one.id, 1, { state: 'closing', end: endAt(nowMs()) })
    assert.equal(await store.create(recordAt(nowMs()), caps), 'principal-full')
    await store.update(one.id, 2, { state: 'closed' })
    assert.equal(await store.create(recordAt(nowMs()), caps), 'created')
  })

  test('counts records in all their quotas, before any cap, until they are closed', async (t) => {
    const { store, nowMs } = await create(t)
    const quotasOf = (who: string) => [
      { key: who, limit: 1 },
      { key: 'both', limit: 2 },
    ]
    const by = (principal: string, host = 'here') =>
      store.create(recordAt(nowMs(), { principal, host }), { ...room, quotas: quotasOf(principal) })
    const one = recordAt(nowMs())
    const caps = { maxSessions: 100, maxSessionsPerPrincipal: 1, quotas: quotasOf('adam') }
    assert.equal(await store.create(one, caps), 'created')
    assert.equal(await store.create(recordAt(nowMs()), caps), 'quota-full 0')
    assert.equal(await by('eve', 'far'), 'created')
    assert.equal(await by('cain'), 'quota-full 1')
    // Who is in none takes no place in them.
    assert.equal(await store.create(recordAt(nowMs()), room), 'created')
    await store.update(one.id, 1, { state: 'closing', end: endAt(nowMs()) })
    assert.equal(await by('cain'), 'quota-full 1')
    await store.update(one.id, 2, { state: 'closed' })
    assert.equal(await by('cain'), 'created')
    assert.equal(await by('adam'), 'quota-full 1')
    // What was refused has left nothing behind.
    assert.equal((await shownBy(store)).length, 4)
  })

  test('counts within a time that begins with the first, and forgets it then', async (t) => {
    const { store, advance } = await create(t)
    const { leftMs, ...first } = await store.count('a', 2, 60_000)
    assert.deepEqual(first, { count: 2 })
    assert.ok(leftMs > 50_000 && leftMs <= 60_000)
    const both = await Promise.all([store.count('a', 1, 60_000), store.count('a', 1, 60_000)])
    assert.deepEqual(both.map(({ count }) => count).sort(), [3, 4])
    assert.equal((await store.count('a', -1, 60_000)).count, 3)
    assert.equal((await store.count('b', -1, 60_000)).count, 0)
    assert.equal((await store.count('b', 1, 60_000)).count, 1)
    // The first of it decides, and what there is none of has no time.
    assert.equal((await store.count('c', 1, 20)).count, 1)
    await advance(20)
    await eventually(async () => assert.equal((await store.count('c', 0, 20)).count, 0))
  })

  test('gives one place away once, however many ask at once', async (t) => {
    const { store, nowMs } = await create(t)
    const caps = { maxSessions: 3, maxSessionsPerPrincipal: 100 }
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => store.create(recordAt(nowMs()), caps)),
    )
    assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 3)
    assert.equal(outcomes.filter((outcome) => outcome === 'gateway-full').length, 7)
  })

  test('gives a place back once, whatever becomes of its record', async (t) => {
    const { store, nowMs } = await create(t)
    const caps = { maxSessions: 1, maxSessionsPerPrincipal: 1 }
    const one = recordAt(nowMs())
    await store.create(one, caps)
    await store.update(one.id, 1, { state: 'closing', end: endAt(nowMs()) })
    await store.update(one.id, 2, { state: 'closed' })
    await store.remove(one.id)
    await store.remove(one.id)
    assert.equal(await store.create(recordAt(nowMs()), caps), 'created')
    assert.equal(await store.create(recordAt(nowMs()), caps), 'principal-full')
  })

  test('counts the sessions of each host, and of a principal on all of them', async (t) => {
    const { store, nowMs } = await create(t)
    const caps = { maxSessions: 1, maxSessionsPerPrincipal: 2 }
    const by = (principal: string, host: string) =>
      store.create(recordAt(nowMs(), { principal, host }), caps)
    assert.equal(await by('adam', 'here'), 'created')
    assert.equal(await by('adam', 'far'), 'created')
    assert.equal(await by('adam', 'farther'), 'principal-full')
    assert.equal(await by('eve', 'far'), 'gateway-full')
    assert.equal(await by('eve', 'farther'), 'created')
  })
}
