import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readBundles } from '../../src/config/bundles.ts'
import { createProblems } from '../../src/config/problems.ts'
import { testServer } from '../support/config.ts'

const servers = ['github', 'time', 'my.notes'].map((name) => testServer(name, {}))

function read(bundles: unknown, { isWanted = false, of = servers } = {}) {
  const problems = createProblems()
  const account = { accountId: '123456789012', region: 'us-east-1' }
  const found = readBundles(bundles, {
    servers: of,
    isWanted,
    usualLifecycle: undefined,
    account,
    problems,
  })
  return { ...found, problems: problems.found.map(({ path, message }) => `${path}: ${message}`) }
}

test('a bundle is a server, whose members are told apart by their names', () => {
  const { bundles, servers: all, problems } = read({ team: { servers: '*' } })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    bundles[0]?.members.map(({ server, prefix }) => [server, prefix]),
    [
      ['github', 'github'],
      ['time', 'time'],
      ['my.notes', 'my-notes'],
    ],
  )
  const team = all.at(-1)
  assert.equal(team?.name, 'team')
  assert.equal(team.isDefault, true)
  assert.deepEqual(team.launch, {
    kind: 'inside',
    shown: 'a bundle of github, time and my.notes',
    members: ['github', 'time', 'my.notes'],
  })
})

test('prefixes and names can be others', () => {
  const { bundles, problems } = read({
    team: {
      servers: ['github', 'time'],
      separator: '-',
      prefixes: { github: 'gh', time: '' },
      rename: { 'github/create_issue': 'new_issue' },
    },
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(bundles[0]?.members, [
    { server: 'github', prefix: 'gh', rename: { create_issue: 'new_issue' } },
    { server: 'time', prefix: '', rename: {} },
  ])
})

test('--bundle makes one of all servers, at /mcp unless another one is marked', () => {
  const { bundles, servers: all } = read(undefined, { isWanted: true })
  assert.equal(bundles[0]?.name, 'all')
  assert.deepEqual(
    all.filter(({ isDefault }) => isDefault).map(({ name }) => name),
    ['all'],
  )
  const marked = servers.map((server) => ({ ...server, isDefault: server.name === 'time' }))
  const { servers: again } = read(undefined, { isWanted: true, of: marked })
  assert.deepEqual(
    again.filter(({ isDefault }) => isDefault).map(({ name }) => name),
    ['time'],
  )
})

test('what is wrong is named with what to do', () => {
  const wrong: [unknown, RegExp][] = [
    [[], /bundles: is no map/],
    [{ team: 'github' }, /bundles\.team: is no map/],
    [{ team: {} }, /names no servers. Example: servers:/],
    [{ team: { servers: ['githb'] } }, /there is no server githb. Did you mean github\?/],
    [{ team: { servers: ['time', 'time'] } }, /time is named twice/],
    [{ team: { servers: [] } }, /is empty/],
    [{ github: { servers: '*' } }, /has the name of a server/],
    [{ 'a b': { servers: '*' } }, /no name for a URL/],
    [{ team: { servers: '*', seperator: '-' } }, /unknown key. Did you mean separator\?/],
    [{ team: { servers: '*', separator: '.' } }, /takes 1 to 4 letters/],
    [{ team: { servers: '*', prefixes: { gitub: 'x' } } }, /Did you mean github\?/],
    [{ team: { servers: '*', prefixes: { github: 'time' } } }, /both have the prefix time/],
    [{ team: { servers: '*', rename: { create: 'x' } } }, /is written SERVER\/NAME/],
    [{ team: { servers: '*', rename: { 'time/a': 'x', 'time/b': 'x' } } }, /is called, too/],
    [
      { one: { servers: '*', default: true }, two: { servers: '*', default: true } },
      /one and two are all marked default: true/,
    ],
  ]
  for (const [bundles, said] of wrong) assert.match(read(bundles).problems.join('\n'), said)
})

test('agents that speak no MCP are no members', () => {
  const agent = testServer('agent', { http: true, protocol: 'http' })
  const of = [...servers, agent]
  assert.deepEqual(
    read({ team: { servers: '*' } }, { of }).bundles[0]?.members.map(({ server }) => server),
    ['github', 'time', 'my.notes'],
  )
  assert.match(
    read({ team: { servers: ['agent'] } }, { of }).problems.join(),
    /agent speaks no MCP/,
  )
})
