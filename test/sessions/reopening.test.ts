import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { EndReason } from '../../src/ground/events.ts'
import { endReasons } from '../../src/ground/events.ts'
import type { SessionRecord } from '../../src/sessions/record.ts'
import { createReopening } from '../../src/sessions/reopening.ts'
import { unknownServer } from '../../src/sessions/server.ts'
import { createMemoryStore } from '../../src/sessions/stores/memory.ts'
import { atEnd } from '../support/at-end.ts'
import { movableClock } from '../support/fake-clock.ts'
import type { Owner } from '../support/temp.ts'
import { recordAt, room } from '../suites/store/rig.ts'

const initialize = '{}'
const reopened = { was: 'aaaabbbb', reason: 'idle' as const, endedAtMs: 1, times: 2 }

/** Whether another session would be opened for the owner of this one that has ended. */
async function goesOn(
  t: Owner,
  reason: EndReason,
  more: Partial<SessionRecord> = {},
  {
    principal,
    onExpired = 'reopen' as const,
  }: { principal?: string; onExpired?: 'not-found' | 'reopen' } = {},
): Promise<number | undefined> {
  const clock = movableClock()
  const store = createMemoryStore({ clock })
  atEnd(t, () => store.close())
  const record = recordAt(clock.now(), { initialize, ...more })
  await store.create(record, room)
  await store.update(record.id, 1, { state: 'closed', end: { reason, atMs: clock.now() } })
  const never = (): never => assert.fail('it is not known here')
  const named = Promise.resolve({ session: {} as never, isNew: true })
  const naming = { find: never, lookup: never, open: () => named }
  const reopening = createReopening({ store, sessions: new Map(), naming })
  const server = { ...unknownServer(record.server), onExpired }
  const opener = { principal: principal ?? record.principal }
  const opened = await reopening.open(server, opener, record.id, new AbortController().signal)
  return opened?.reopened.times
}

test('a session goes on after the ends that nobody wanted, and after no other', async (t) => {
  const after: EndReason[] = []
  for (const reason of endReasons) if ((await goesOn(t, reason)) !== undefined) after.push(reason)
  assert.deepEqual(after, ['idle', 'max-lifetime', 'host-lost'])
  assert.equal(await goesOn(t, 'idle', { reopened }), 3)
})

test('it is tried again when nothing was started, and not when something was', async (t) => {
  const handle = { driver: 'process', workerId: 'w' }
  assert.equal(await goesOn(t, 'start-failed', { reopened }), 2)
  assert.equal(await goesOn(t, 'abandoned', { reopened, handle }), 2)
  assert.equal(await goesOn(t, 'start-failed', { reopened, handle }), undefined)
})

test('only for its owner, where it is configured, and if it is known what its client said', async (t) => {
  assert.equal(await goesOn(t, 'idle', {}, { principal: 'mallory' }), undefined)
  assert.equal(await goesOn(t, 'idle', {}, { onExpired: 'not-found' }), undefined)
  assert.equal(await goesOn(t, 'idle', { initialize: undefined as never }), undefined)
})
