import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Access, AccessRule, NameKind } from '../../src/auth/access.ts'
import { mayUse } from '../../src/auth/access.ts'
import type { Caller } from '../../src/auth/check.ts'
import { anonymous } from '../../src/auth/check.ts'

const nobody = anonymous.recall({ headers: {}, rawHeaders: [] }) as Caller

function callerWith(claims: Record<string, unknown>): Caller {
  const identity = { iss: 'https://idp.example.com', sub: 'a', clientId: undefined, claims }
  return { principal: 'a', identity }
}

const rule = (given: Partial<AccessRule>): AccessRule => ({
  ...{ who: undefined, tools: undefined, prompts: undefined, resources: undefined },
  ...given,
})

const asked = (access: Partial<Access>, kind: NameKind, names: string[], caller = nobody) =>
  names.map((name) => mayUse({ allow: undefined, deny: [], ...access }, caller, kind, name))

test('a pattern is the whole name, and a star any letters', () => {
  const allow = [rule({ tools: ['get_*', 'a*b*c', 'one', '*.x', 'r+'] })]
  const yes = ['get_', 'get_all', 'abc', 'a-b-b-c', 'one', '.x', 'r+']
  assert.deepEqual(
    asked({ allow }, 'tools', yes),
    yes.map(() => true),
  )
  const no = ['xget_', 'GET_all', 'ab', 'acb', 'one ', 'ones', 'x', 'rr', '']
  assert.deepEqual(
    asked({ allow }, 'tools', no),
    no.map(() => false),
  )
  assert.deepEqual(asked({ allow: [rule({ tools: ['ab*ba'] })] }, 'tools', ['aba']), [false])
})

test('deny wins, and allow leaves nothing else there, of any kind', () => {
  const access = { allow: [rule({ tools: ['*'] })], deny: [rule({ tools: ['restart_*'] })] }
  assert.deepEqual(asked(access, 'tools', ['look', 'restart_db']), [true, false])
  assert.deepEqual(asked(access, 'prompts', ['look']), [false])
  assert.deepEqual(asked({ deny: access.deny }, 'prompts', ['restart_db']), [true])
  assert.deepEqual(asked({ allow: [] }, 'tools', ['look']), [false])
})

test('a rule by claim is for those whose token says so, and nobody else', () => {
  const allow = [rule({ who: { claim: 'groups', any: ['oncall'] }, tools: ['restart_*'] })]
  const names = ['restart_db']
  const says = (groups: unknown) => asked({ allow }, 'tools', names, callerWith({ groups }))[0]
  assert.equal(says(['dev', 'oncall']), true)
  assert.equal(says('oncall'), true)
  for (const other of ['oncall dev', ['dev'], [['oncall']], { oncall: true }, true, null, []]) {
    assert.equal(says(other), false, JSON.stringify(other))
  }
  assert.deepEqual(asked({ allow }, 'tools', names), [false])
  const own = [rule({ who: { claim: '__proto__', any: ['x'] }, tools: ['*'] })]
  assert.deepEqual(asked({ allow: own }, 'tools', names, callerWith({})), [false])
})

test('a URI that is denied is so however it is written', () => {
  const deny = [rule({ resources: ['file:///secret/*'] })]
  for (const uri of [
    ...['file:///secret/a', 'FILE:///secret/a', 'file:///public/../secret/a'],
    ...['file:///%73ecret/a', 'file:///%2573ecret/a', 'file:///public/%2e%2e/secret/a'],
    'file:/secret/a',
  ]) {
    assert.deepEqual(asked({ deny }, 'resources', [uri]), [false], uri)
  }
  assert.deepEqual(asked({ deny }, 'resources', ['file:///public/%zz']), [true])
  const allow = [rule({ resources: ['file:///public/*'] })]
  const way = ['file:///public/a%20b', 'file:///public/../secret/a', 'file:///public/%2e%2e/x']
  // What is written with escapes has to be allowed as it is read, too.
  assert.deepEqual(asked({ allow }, 'resources', way), [true, false, false])
})

test('a name that is too long for any server is nobody’s', () => {
  const long = 'a'.repeat(1024)
  assert.deepEqual(asked({ deny: [] }, 'tools', [long, long.slice(1)]), [false, true])
})
