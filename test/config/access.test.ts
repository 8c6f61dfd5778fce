import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readAccess } from '../../src/config/access.ts'
import { createProblems } from '../../src/config/problems.ts'
import { load, problemsOf, withServer } from './in-folder.ts'

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

test('what is wrong with it is named by its place, in a server, a bundle and defaults', (t) => {
  const at = (server: object) =>
    Object.entries(problemsOf(t, withServer(server))).map(([key, said]) => `${key} ${said}`)
  const wrong: [object, RegExp][] = [
    [{ access: ['x'] }, /^mcpServers\.demo\.access found a list/],
    [{ access: { deny: 'x' } }, /access\.deny found a text, expected a list/],
    [{ access: { alow: ['x'] } }, /access\.alow unknown key\. Did you mean allow\?/],
    [{ access: { allow: [1] } }, /access\.allow\[0\] found the number 1, expected a name/],
    [{ access: { allow: [''] } }, /access\.allow\[0\] found an empty text/],
    [{ access: { deny: [{ tools: 'x' }] } }, /access\.deny\[0\]\.tools found a text/],
    [{ access: { deny: [{ tool: ['x'] }] } }, /access\.deny\[0\]\.tool unknown key\. Did you mean/],
    [
      { access: { deny: [{ claim: 'groups', any: [], tools: ['x'] }] } },
      /access\.deny\[0\]\.any is empty/,
    ],
    [{ disabledTools: 'x' }, /disabledTools found a text/],
    [{ acess: { deny: ['x'] } }, /acess unknown key\. Did you mean access\?/],
  ]
  for (const [server, said] of wrong) assert.match(at(server).join('\n'), said)
  const bundled = problemsOf(t, {
    ...withServer({}),
    bundles: { team: { servers: '*', access: { deny: [{ claim: 'a', tools: ['x'] }] } } },
  })
  assert.match(bundled['bundles.team.access.deny[0]'] ?? '', /claim and any go together/)
})

test('a server and defaults are merged, list by list', (t) => {
  const [server] = load(
    t,
    withServer(
      { access: { allow: ['a'] } },
      { defaults: { access: { allow: ['b'], deny: ['c'] }, disabledTools: ['d'] } },
    ),
  ).servers
  const names = (rules: readonly { tools: readonly string[] | undefined }[] | undefined) =>
    rules?.flatMap(({ tools }) => tools)
  assert.deepEqual(names(server?.access?.allow), ['a'])
  assert.deepEqual(names(server?.access?.deny), ['c', 'd'])
})
