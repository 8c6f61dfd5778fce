import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { after, describe, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import type { SessionEnd } from '../../src/sessions/record.ts'
import type { SessionStore } from '../../src/sessions/store.ts'
import { createMemoryStore } from '../../src/sessions/stores/memory.ts'
import { createRedisStore } from '../../src/sessions/stores/redis.ts'
import { atEnd } from '../support/at-end.ts'
import { needed } from '../support/needs.ts'
import { startRedis } from '../support/redis.ts'
import { recordAt, room } from '../suites/store/rig.ts'

const server = needed('redis-server')
const redis = server.skip === false ? await startRedis({ after }, server.path) : undefined
const clock = systemClock
const tombstones = { most: 7, detailed: 3 }
let prefixes = 0

const stores: [string, boolean | string, () => Promise<SessionStore>][] = [
  ['memory', false, () => Promise.resolve(createMemoryStore({ clock, tombstones }))],
  [
    'redis',
    server.skip,
    () => {
      prefixes += 1
      return createRedisStore(redis!.config({ prefix: `tombs-${prefixes}` }), { clock, tombstones })
    },
  ],
]

async function open(t: TestContext, create: () => Promise<SessionStore>): Promise<SessionStore> {
  const store = await create()
  atEnd(t, () => store.close())
  return store
}

async function bury(store: SessionStore, end: Partial<SessionEnd>): Promise<string> {
  const record = recordAt(store.now(), { workerSessionId: 'w'.repeat(5000) })
  assert.equal(await store.create(record, room), 'created')
  const whole: SessionEnd = { reason: 'worker-exited', atMs: store.now(), ...end }
  await store.update(record.id, 1, { state: 'closed', end: whole })
  return record.id
}

const endOf = async (store: SessionStore, id = ''): Promise<SessionEnd | undefined> =>
  (await store.get(id))?.end

for (const [name, skip, create] of stores) {
  describe(`of sessions that have ended, with ${name},`, { skip }, () => {
    test('so many are remembered, the newest', async (t) => {
      const store = await open(t, create)
      const ids: string[] = []
      for (let count = 0; count < 12; count += 1) ids.push(await bury(store, {}))
      const kept = await Promise.all(ids.map(async (id) => (await store.get(id))?.state))
      const gone = Array.from({ length: 5 }, () => undefined)
      assert.deepEqual(kept, [...gone, ...Array.from({ length: 7 }, () => 'closed')])
    })

    test('only the newest keep what their workers wrote; all keep why they ended', async (t) => {
      const store = await open(t, create)
      const long = {
        message: 'm'.repeat(3000),
        details: { oom: true, lastLines: ['x'.repeat(2000), 'ü'] },
      }
      const ids: string[] = []
      for (let count = 0; count < 5; count += 1) ids.push(await bury(store, long))
      const short = { message: 'short', details: { exitCode: 3 } }
      ids.unshift(await bury(store, short))
      ids.push(await bury(store, long))
      const [brief, , first, , , last] = await Promise.all(ids.map((id) => endOf(store, id)))
      assert.deepEqual([brief?.message, brief?.details], ['short', { exitCode: 3 }])
      assert.deepEqual([last?.message, last?.details], [long.message, long.details])
      assert.deepEqual(Object.keys(first ?? {}).sort(), ['atMs', 'details', 'reason'])
      assert.deepEqual([first?.reason, first?.details], ['worker-exited', { oom: true }])
      assert.ok(Number.isInteger(first?.atMs) && (first?.atMs ?? 0) > 1e12)
      const workerIds = ids.map(async (id) => (await store.get(id))?.workerSessionId?.length)
      const lean = [5000, undefined, undefined, undefined, undefined, 5000, 5000]
      assert.deepEqual(await Promise.all(workerIds), lean)
    })
  })
}
