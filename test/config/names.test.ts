import assert from 'node:assert/strict'
import test from 'node:test'

import { load, problemsOf } from './in-folder.ts'

const node = { command: 'node' }
const names = (t: Parameters<typeof load>[0], mcpServers: object): string[] =>
  load(t, { mcpServers }).servers.map(({ name }) => name)

test('names that fit into a URL stay as they are', (t) => {
  const good = ['a', 'A.b_c-', '0'.repeat(64), 'io.github.user.server']
  assert.deepEqual(names(t, Object.fromEntries(good.map((name) => [name, node]))), good)
})

test('other names get one that fits, and a warning says the URL', (t) => {
  const config = load(t, {
    mcpServers: { 'My Server': node, '@scope/pkg': node, Café: node, [`x${'y'.repeat(70)}`]: node },
  })
  assert.deepEqual(
    config.servers.map(({ name }) => name),
    ['My-Server', 'scope-pkg', 'Cafe', `x${'y'.repeat(63)}`],
  )
  assert.match(config.warnings.join('\n'), /"My Server" is served at \/servers\/My-Server\/mcp/)
})

test('names in any script get an ASCII form that stays the same', (t) => {
  const servers = {
    日本語: node,
    'Ünïcode name': node,
    Straße: node,
    'ﬁle Ⅳ': node,
    '🚀 rocket': node,
  }
  const first = names(t, servers)
  assert.deepEqual(first, ['server-77710a', 'Unicode-name', 'Strasse', 'file-IV', 'rocket'])
  const backwards = Object.fromEntries(Object.entries(servers).reverse())
  assert.deepEqual(names(t, backwards).reverse(), first)
})

test('letters that no ASCII letter stands for become a hash, so that two names stay two', (t) => {
  const found = names(t, { '東京 api': node, '大阪 api': node, 東京: node, '🚀': node, '🛰': node })
  assert.equal(new Set(found).size, 5)
  for (const name of found) assert.match(name, /^(api|server)-[0-9a-f]{6}$/)
})

test('of two names with the same form the second has a hash, and what fits already stays', (t) => {
  const found = names(t, { 'a b': node, 'a/b': node, Café: node, Cafe: node, 'a-b': node })
  assert.deepEqual(
    found.map((name) => name.replace(/-[0-9a-f]{6}$/, '-#')),
    ['a-b-#', 'a-b-#', 'Cafe-#', 'Cafe', 'a-b'],
  )
  assert.equal(new Set(found).size, 5)
  const long = `x${'y'.repeat(70)}`
  assert.ok(
    names(t, { [`${long}1`]: node, [`${long}2`]: node }).every(({ length }) => length <= 64),
  )
})

test('the only server is the default one, or the one that is marked', (t) => {
  const defaults = (mcpServers: object): string[] =>
    load(t, { mcpServers })
      .servers.filter(({ isDefault }) => isDefault)
      .map(({ name }) => name)
  assert.deepEqual(defaults({ a: node }), ['a'])
  assert.deepEqual(defaults({ a: node, off: { ...node, disabled: true } }), ['a'])
  assert.deepEqual(defaults({ a: node, b: node }), [])
  assert.deepEqual(defaults({ a: node, b: { ...node, default: true } }), ['b'])
})

test('two marked servers are an error', (t) => {
  const marked = { ...node, default: true }
  const found = problemsOf(t, { mcpServers: { a: marked, b: marked } })
  assert.match(found.mcpServers ?? '', /a and b are all marked default: true/)
})

test('what sessions share is said in one sentence each', (t) => {
  const { warnings } = load(t, {
    mcpServers: {
      a: node,
      b: node,
      own: { ...node, cwd: 'session' },
      far: { url: 'http://x/mcp' },
      fixed: { ...node, transport: 'http', port: 8000, cwd: 'session' },
    },
  })
  assert.equal(warnings.length, 3)
  assert.match(warnings[0] ?? '', /All sessions of a and b work in the same folder.*cwd: session/)
  assert.match(warnings[1] ?? '', /All sessions of far share one remote server/)
  assert.match(warnings[2] ?? '', /fixed has a fixed port, so there is one session at a time/)
})

test('names that mean something to JavaScript or to the file itself are names like others', (t) => {
  const names = ['constructor', 'toString', 'env', 'args', 'servers']
  const yaml = names.map((name) => `  ${name}: { command: node, graceMs: 7 }\n`).join('')
  const config = load(t, `mcpServers:\n${yaml}`)
  assert.deepEqual(
    config.servers.map(({ name, graceMs }) => [name, graceMs]),
    names.map((name) => [name, 7]),
  )
  const found = problemsOf(t, {
    mcpServers: {
      a: { ...node, args: ['${constructor}'], lifecycleConfiguration: { valueOf: 1 } },
    },
    toString: 1,
    listen: { constructor: 1 },
  })
  assert.deepEqual(Object.keys(found).sort(), [
    'listen.constructor',
    'mcpServers.a.args[0]',
    'mcpServers.a.lifecycleConfiguration.valueOf',
    'toString',
  ])
  assert.match(found['mcpServers.a.args[0]'] ?? '', /constructor is not set/)
})
