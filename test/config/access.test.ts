import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readAccess } from '../../src/config/access.ts'
import { createProblems } from '../../src/config/problems.ts'

function read(given: Parameters<typeof readAccess>[0]) {
  const problems = createProblems()
  const access = readAccess(given, ['mcpServers', 'demo'], problems)
  return { access, said: problems.found.map(({ path, message }) => `${path}: ${message}`).join() }
}

test('a name alone is that of a tool, a prompt or a resource, for everybody', () => {
  const names = ['get_*']
  assert.deepEqual(read({ access: { allow: names } }).access, {
    allow: [{ who: undefined, tools: names, prompts: names, resources: names }],
    deny: [],
  })
})

test('a rule by claim is read, and half of one is a mistake', () => {
  const rule = { claim: 'groups', any: ['oncall'], tools: ['restart_*'] }
  assert.deepEqual(read({ access: { deny: [rule] } }).access?.deny, [
    {
      who: { claim: 'groups', any: ['oncall'] },
      ...{ tools: ['restart_*'], prompts: undefined, resources: undefined },
    },
  ])
  const half = read({
    access: {
      allow: [
        { claim: 'groups', tools: ['x'] },
        { claim: 'a', any: ['b'] },
      ],
    },
  })
  assert.match(half.said, /mcpServers\.demo\.access\.allow\[0\]: claim and any go together/)
  assert.match(half.said, /access\.allow\[1\]: names nothing/)
})

test('disabledTools of other clients are tools that nobody may use', () => {
  const { access } = read({ disabledTools: ['delete_all', 'a*'] })
  assert.deepEqual(
    access?.deny.map(({ tools }) => tools),
    [['delete_all']],
  )
  assert.equal(access.allow, undefined)
  assert.equal(read({ disabledTools: [] }).access, undefined)
  assert.equal(read({}).access, undefined)
})
