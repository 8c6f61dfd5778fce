import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { nameTable, shownName, tagged, untagged } from '../../src/bundle/names.ts'
import type { BundleMember } from '../../src/bundle/options.ts'

const member = (server: string, more: Partial<BundleMember> = {}): BundleMember => ({
  server,
  prefix: server,
  rename: {},
  ...more,
})

test('a name has its server before it, or what the configuration has in place of that', () => {
  assert.equal(shownName(member('github'), '_', 'create_issue'), 'github_create_issue')
  assert.equal(shownName(member('github', { prefix: 'gh' }), '-', 'x'), 'gh-x')
  assert.equal(shownName(member('github', { prefix: '' }), '_', 'x'), 'x')
  assert.equal(shownName(member('github', { rename: { x: 'new' } }), '_', 'x'), 'new')
})

test('whatever a server calls something, clients take the name, and it is always the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (name) => {
      const shown = shownName(member('time'), '_', name)
      assert.match(shown, /^[A-Za-z0-9_-]{1,64}$/)
      assert.equal(shown, shownName(member('time'), '_', name))
    }),
  )
})

test('of two names that would be one neither shadows the other', () => {
  const members = [member('one', { prefix: '' }), member('two', { prefix: '' })]
  const table = nameTable(members, '_', () => ['search'])
  const [first, second] = table.all
  assert.deepEqual(first, { server: 'one', name: 'search', shown: 'search' })
  assert.equal(second?.server, 'two')
  assert.match(second.shown, /^search_[0-9a-f]{6}$/)
  assert.deepEqual(table.of(second.shown), second)
  assert.deepEqual(table.clashes, [
    { wanted: 'search', servers: ['one', 'two'], became: second.shown },
  ])
})

test('a server cannot take the place of another one by what it calls a tool', () => {
  // `a` + `b_x` and `a_b` + `x` are the same text.
  const table = nameTable([member('a'), member('a_b')], '_', (server) =>
    server === 'a' ? ['b_x'] : ['x'],
  )
  assert.equal(table.of('a_b_x')?.server, 'a')
  assert.equal(table.all.length, 2)
  assert.ok(table.all.some(({ server, name }) => server === 'a_b' && name === 'x'))
})

test('a name that a server gives twice is there once, and told of', () => {
  const table = nameTable([member('a')], '_', () => ['x', 'x'])
  assert.equal(table.all.length, 1)
  assert.equal(table.clashes[0]?.became, undefined)
})

test('an id says whose it is, and is found again in whatever comes back', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer()), (value) => {
      assert.deepEqual(untagged(tagged('git.hub', value)), { server: 'git.hub', value })
    }),
  )
  for (const text of ['x', 'x:', ':', 'x:{}', 'x:null', 7, null, undefined]) {
    assert.equal(untagged(text), undefined)
  }
})
