import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SessionRecord } from '../../src/sessions/record.ts'
import { maxTombstones } from '../../src/sessions/record.ts'
import { createMemoryStore } from '../../src/sessions/stores/memory.ts'
import { fakeClock } from '../support/fake-clock.ts'

test('of sessions that have ended so many are remembered, the newest', async () => {
  const clock = fakeClock()
  const store = createMemoryStore({ clock })
  const caps = { maxSessions: 10, maxSessionsPerPrincipal: 10 }
  const atMs = clock.now()
  const end = { reason: 'stopped' as const, atMs }
  const record = (id: string): SessionRecord => ({
    ...{ v: 1, id, version: 1, state: 'queued', server: 's', principal: 'p', workerId: id },
    ...{ host: 'h', openedAtMs: atMs, idleMs: 1000, idleAtMs: atMs + 1000, maxAtMs: atMs + 1000 },
  })
  for (let count = 0; count < maxTombstones + 5; count += 1) {
    const id = `session ${count}`
    assert.equal(await store.create(record(id), caps), 'created')
    await store.update(id, 1, { state: 'closed', end })
  }
  assert.equal(await store.get('session 4'), undefined)
  assert.equal((await store.get('session 5'))?.state, 'closed')
  assert.equal((await store.get(`session ${maxTombstones + 4}`))?.state, 'closed')
  await store.close()
})
