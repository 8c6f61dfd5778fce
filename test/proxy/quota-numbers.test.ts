import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Caller } from '../../src/auth/check.ts'
import { GatewayError } from '../../src/ground/errors.ts'
import type { QuotasConfig } from '../../src/proxy/options.ts'
import { createQuotas } from '../../src/proxy/quotas.ts'
import { createMemoryStore } from '../../src/sessions/stores/memory.ts'
import { fakeClock } from '../support/fake-clock.ts'

const caller = (principal: string, claims: Record<string, unknown> = {}): Caller => ({
  principal,
  identity: { iss: 'i', sub: principal, clientId: undefined, claims },
})

function withQuotas(quotas: Partial<QuotasConfig>) {
  const clock = fakeClock()
  const store = createMemoryStore({ clock })
  return {
    clock,
    quotas: createQuotas({ clock, store, quotas: { principal: {}, groups: [], ...quotas } }),
  }
}

/** What is thrown says which quota it is, and when to come again. */
function refusedBy(work: () => unknown): unknown[] {
  try {
    work()
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError)
    assert.equal(thrown.statusCode, 429)
    assert.match(thrown.message, /\(quotas\./)
    return [thrown.data?.quota, thrown.retryAfterSeconds]
  }
  return []
}

test('calls of a minute are counted from the first of them on, each principal for itself', () => {
  const { clock, quotas } = withQuotas({ principal: { callsPerMinute: 3 } })
  const [one, two] = ['one', 'two'].map((name) => quotas.of(caller(name))!)
  one!.call(1)
  clock.advance(20_000)
  one!.call(1)
  // Of several at once all are counted, or none.
  assert.deepEqual(
    refusedBy(() => one!.call(2)),
    ['quotas.principal.callsPerMinute', 40],
  )
  one!.call(1)
  assert.equal(refusedBy(() => one!.call(1)).length, 2)
  assert.deepEqual(one!.call(0), [])
  two!.call(3)
  clock.advance(39_999)
  assert.deepEqual(
    refusedBy(() => one!.call(1)),
    ['quotas.principal.callsPerMinute', 1],
  )
  clock.advance(1)
  one!.call(3)
  assert.equal(refusedBy(() => two!.call(1)).length, 2)
})

test('calls in progress are counted until they are over, once each', () => {
  const { quotas } = withQuotas({ principal: { callsInProgress: 2, callsPerMinute: 3 } })
  const allowance = quotas.of(caller('one'))!
  const [first, second] = allowance.call(2)
  const full = ['quotas.principal.callsInProgress', 1]
  assert.deepEqual(
    refusedBy(() => allowance.call(1)),
    full,
  )
  first!()
  first!()
  assert.equal(allowance.call(1).length, 1)
  assert.deepEqual(
    refusedBy(() => allowance.call(1)),
    full,
  )
  second!()
  // What was refused has not counted in the minute; what was let in has.
  assert.deepEqual(
    refusedBy(() => allowance.call(1)),
    ['quotas.principal.callsPerMinute', 60],
  )
})

test('a group has its numbers for all of its principals together, and nobody else', async () => {
  const { clock, quotas } = withQuotas({
    principal: { callsPerMinute: 3 },
    groups: [
      { claim: 'groups', any: ['staff'], startsPerMinute: 1 },
      { claim: 'org.unit', any: ['b', 'a'], callsPerMinute: 4 },
    ],
  })
  const inUnit = (name: string) => quotas.of(caller(name, { org: { unit: 'a' } }))!
  inUnit('one').call(3)
  assert.deepEqual(
    refusedBy(() => inUnit('two').call(2)),
    ['quotas.groups[1].callsPerMinute', 60],
  )
  // And its own has not been charged with it.
  inUnit('two').call(1)
  quotas.of(caller('three', { org: 'a' }))!.call(3)
  const staff = quotas.of(caller('four', { groups: ['x', 'staff'] }))!
  await staff.start()
  const other = quotas.of(caller('five', { groups: 'staff' }))!
  await assert.rejects(other.start(), {
    code: 'ERR_SESSIONS_QUOTA_STARTS',
    data: { quota: 'quotas.groups[0].startsPerMinute', limit: 1 },
    retryAfterSeconds: 60,
  })
  clock.advance(60_000)
  await other.start()
  staff.call(1)
})

test('whom nothing limits has no allowance', () => {
  const { quotas } = withQuotas({ groups: [{ claim: 'groups', any: ['staff'], sessions: 1 }] })
  const nobody: Caller = { principal: 'anonymous', identity: undefined }
  for (const claims of [
    {},
    { groups: 'staf' },
    { groups: { staff: true } },
    { groups: [['staff']] },
  ])
    assert.equal(quotas.of(caller('one', claims)), undefined)
  assert.equal(quotas.of(nobody), undefined)
  const [sessions] = quotas.of(caller('two', { groups: ['staff'] }))!.sessions
  assert.equal(sessions?.limit, 1)
})

test('several gateways count minutes together, and each for itself while the store is away', async () => {
  const clock = fakeClock()
  const kept = createMemoryStore({ clock })
  let isAway = false
  const store = {
    isShared: true,
    count: async (...what: Parameters<typeof kept.count>) => {
      if (isAway) throw new GatewayError('ERR_SESSIONS_STORE')
      return kept.count(...what)
    },
  }
  const config = { principal: { callsPerMinute: 4 }, groups: [] }
  const allowances = [1, 2].map(() =>
    createQuotas({ clock, store, quotas: config }).of(caller('one'))!,
  )
  const [one, two] = allowances as [(typeof allowances)[0], (typeof allowances)[0]]
  one.call(1)
  one.call(2)
  await clock.advanceSettling(20_000)
  // It has not asked yet, and calls do not wait for the answer.
  two.call(1)
  await clock.advanceSettling(0)
  const full = ['quotas.principal.callsPerMinute', 40]
  assert.deepEqual(
    refusedBy(() => two.call(1)),
    full,
  )
  one.call(1)
  await clock.advanceSettling(0)
  assert.deepEqual(
    refusedBy(() => one.call(1)),
    full,
  )
  isAway = true
  await clock.advanceSettling(40_000)
  one.call(4)
  two.call(4)
  await clock.advanceSettling(0)
  assert.equal(refusedBy(() => one.call(1)).length, 2)
  isAway = false
  await clock.advanceSettling(60_000)
  one.call(4)
  await clock.advanceSettling(0)
  two.call(1)
  await clock.advanceSettling(0)
  assert.equal(refusedBy(() => two.call(1)).length, 2)
})
