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

test('two names that become the same, or none, are errors', (t) => {
  const found = problemsOf(t, { mcpServers: { 'a b': node, 'a/b': node, 日本: node } })
  assert.match(found['mcpServers["a/b"]'] ?? '', /\/servers\/a-b\/mcp, as another one is/)
  assert.match(found['mcpServers["日本"]'] ?? '', /without a letter or digit/)
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
