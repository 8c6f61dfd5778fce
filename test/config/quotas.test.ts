import assert from 'node:assert/strict'
import { test } from 'node:test'

import { load, problemsOf, withServer } from './in-folder.ts'

test('quotas are taken as they are written; where nothing is limited there are none', (t) => {
  const quotas = {
    principal: { sessions: 5, callsInProgress: 2 },
    groups: [{ claim: 'groups', any: ['students'], callsPerMinute: 600 }],
  }
  assert.deepEqual(load(t, withServer({}, { quotas })).quotas, quotas)
  const one = { principal: { startsPerMinute: 1 } }
  assert.deepEqual(load(t, withServer({}, { quotas: one })).quotas, { ...one, groups: [] })
  for (const nothing of [{}, { principal: {} }, { groups: [] }, null]) {
    assert.equal(load(t, withServer({}, { quotas: nothing })).quotas, undefined)
  }
})

test('a variable sets a number of each principal', (t) => {
  const env = { PATH: '/bin', BERTH_QUOTAS_PRINCIPAL_CALLS_PER_MINUTE: '7' }
  assert.deepEqual(load(t, withServer({}), { env }).quotas, {
    principal: { callsPerMinute: 7 },
    groups: [],
  })
})

test('wrong quotas are named, with what would be right', (t) => {
  const group = { claim: 'groups', any: ['students'], sessions: 1 }
  const found = problemsOf(
    t,
    withServer({}, { quotas: { principal: { sessions: 0, calls: 1 }, group: [] } }),
  )
  assert.match(found['quotas.principal.sessions'] ?? '', /found the number 0.*Example: sessions: 5/)
  assert.match(found['quotas.principal.calls'] ?? '', /unknown key.*callsPerMinute/)
  assert.match(found['quotas.group'] ?? '', /Did you mean groups/)
  const groups = [
    { ...group, claim: undefined },
    { ...group, any: [] },
    { claim: 'groups', any: ['students'] },
    { ...group, any: 'students' },
    { ...group, sessions: '5' },
  ]
  const inGroups = problemsOf(t, withServer({}, { quotas: { groups } }))
  assert.match(inGroups['quotas.groups[0]'] ?? '', /does not say who is in it/)
  assert.match(inGroups['quotas.groups[1].any'] ?? '', /nobody is in it/)
  assert.match(inGroups['quotas.groups[2]'] ?? '', /limits nothing. Give it a number: sessions,/)
  const types = problemsOf(t, withServer({}, { quotas: { groups: groups.slice(3) } }))
  assert.match(types['quotas.groups[0].any'] ?? '', /expected a list/)
  assert.match(types['quotas.groups[1].sessions'] ?? '', /found a text/)
})
