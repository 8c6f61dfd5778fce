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

test('a URI may be written in a rule as in a list, and what a server may overlook does not help', () => {
  const uris = ['note://ü/a b', 'https://example.com', 'file:///{path}', 'NOTE://Host/x?id=1']
  const rules = [rule({ resources: uris })]
  for (const one of uris) {
    assert.deepEqual(asked({ allow: rules }, 'resources', [one]), [true], one)
    assert.deepEqual(asked({ deny: rules }, 'resources', [one, `${one}#x`]), [false, false], one)
  }
  const deny = [rule({ resources: ['file:///secret', 'https://a.b/c'] })]
  const ways = [
    'file:///secret/',
    'file:////secret?x',
    'file://localhost/secret',
    'https://a.b//c/#d',
  ]
  assert.deepEqual(
    asked({ deny }, 'resources', ways),
    ways.map(() => false),
  )
  // Where only some are allowed, what a server may overlook counts.
  const allow = [rule({ resources: ['note://x'] })]
  assert.deepEqual(asked({ allow }, 'resources', ['note://x', 'note://x?y', 'note://%78']), [
    ...[true, false, false],
  ])
  assert.deepEqual(asked({}, 'resources', ['file:///a%00.txt', 'file:///a\tb']), [false, false])
  assert.deepEqual(asked({}, 'tools', ['a\u0000', 'a\n']), [false, false])
})

test('a claim may be a number, and a rule the same as text', () => {
  const deny = [rule({ who: { claim: 'level', any: ['1'] }, tools: ['x'] })]
  const at = (level: unknown) => asked({ deny }, 'tools', ['x'], callerWith({ level }))[0]
  assert.deepEqual([at(1), at('1'), at([2, 1]), at(2), at(true)], [false, false, false, true, true])
})

test('a name that is too long for any server is nobody’s', () => {
  const long = 'a'.repeat(1024)
  assert.deepEqual(asked({ deny: [] }, 'tools', [long, long.slice(1)]), [false, true])
})
