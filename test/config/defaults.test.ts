import assert from 'node:assert/strict'
import test from 'node:test'

import { launchOf, load, problemsOf, serverOf, withServer } from './in-folder.ts'

const lifecycle = (t: Parameters<typeof load>[0], own?: object, defaults?: object) => {
  const server = own === undefined ? {} : { lifecycleConfiguration: own }
  const top = defaults === undefined ? {} : { defaults: { lifecycleConfiguration: defaults } }
  const { idleMs, maxMs } = serverOf(load(t, withServer(server, top))).lifecycle
  return [idleMs / 1000, maxMs / 1000]
}

test("lifetimes follow AgentCore's rule", (t) => {
  assert.deepEqual(lifecycle(t), [900, 28_800])
  assert.deepEqual(lifecycle(t, { maxLifetime: 600 }), [600, 600])
  assert.deepEqual(lifecycle(t, { maxLifetime: 1000 }), [900, 1000])
  assert.deepEqual(lifecycle(t, { idleRuntimeSessionTimeout: 2000 }), [2000, 28_800])
  assert.deepEqual(lifecycle(t, { idleRuntimeSessionTimeout: 1, maxLifetime: 1 }), [1, 1])
  assert.deepEqual(lifecycle(t, { maxLifetime: 1_209_600 }), [900, 1_209_600])
})

test("defaults stand for AgentCore's own", (t) => {
  const defaults = { idleRuntimeSessionTimeout: 100, maxLifetime: 300 }
  assert.deepEqual(lifecycle(t, undefined, defaults), [100, 300])
  assert.deepEqual(lifecycle(t, { maxLifetime: 50 }, defaults), [50, 50])
  assert.deepEqual(lifecycle(t, { maxLifetime: 5000 }, defaults), [100, 5000])
})

test('an idle time that is longer than the lifetime is an error', (t) => {
  const where = 'mcpServers.demo.lifecycleConfiguration'
  const own = { idleRuntimeSessionTimeout: 20, maxLifetime: 10 }
  const found = problemsOf(t, withServer({ lifecycleConfiguration: own }))
  assert.match(found[where] ?? '', /\(20 seconds\) is longer than maxLifetime \(10\)/)
  const alone = { idleRuntimeSessionTimeout: 28_801 }
  assert.ok(problemsOf(t, withServer({ lifecycleConfiguration: alone }))[where])
  const inDefaults = problemsOf(t, withServer({}, { defaults: { lifecycleConfiguration: own } }))
  assert.deepEqual(Object.keys(inDefaults), ['defaults.lifecycleConfiguration'])
})

test('lifetimes are whole seconds in range', (t) => {
  for (const bad of [0, -1, 1.5, 1_209_601, '60', null]) {
    const found = problemsOf(t, withServer({ lifecycleConfiguration: { maxLifetime: bad } }))
    const [where, message] = Object.entries(found)[0] ?? []
    assert.equal(where, 'mcpServers.demo.lifecycleConfiguration.maxLifetime')
    assert.match(message ?? '', /a whole number of seconds from 1 to 1209600/)
  }
  const unknown = problemsOf(t, withServer({ lifecycleConfiguration: { idleTimeout: 5 } }))
  assert.match(
    Object.values(unknown).join(),
    /Known here: idleRuntimeSessionTimeout and maxLifetime/,
  )
})

test('any key of a server can be a default; maps are merged, all else is replaced', (t) => {
  const defaults = {
    command: 'node',
    args: ['default.js'],
    transport: 'http',
    env: { A: 'default', B: 'default' },
    headers: { 'x-a': 'default' },
    graceMs: 1,
    path: '/d',
  }
  const mcpServers = {
    plain: {},
    own: { args: [], env: { B: 'own', C: 'own' }, graceMs: 2, transport: 'stdio' },
    far: { url: 'http://x/mcp', headers: { 'x-b': 'own' } },
  }
  const config = load(t, { defaults, mcpServers })
  const { transport, args, path } = launchOf(config, 'plain')
  assert.deepEqual([transport, args, path], ['http', ['default.js'], '/d'])
  const own = serverOf(config, 'own')
  assert.deepEqual([own.env.A, own.env.B, own.env.C, own.graceMs], ['default', 'own', 'own', 2])
  assert.deepEqual(launchOf(config, 'own').args, [])
  assert.equal(launchOf(config, 'own').path, '/mcp')
  const far = serverOf(config, 'far')
  assert.ok(far.launch.kind === 'remote')
  assert.deepEqual(far.launch.headers, { 'x-a': 'default', 'x-b': 'own' })
  assert.deepEqual(far.env, {})
})

test('keys of defaults are ours alone, and are checked', (t) => {
  const found = problemsOf(
    t,
    withServer({}, { defaults: { alwaysAllow: [], graceMs: 'x', envv: {} } }),
  )
  assert.match(found['defaults.alwaysAllow'] ?? '', /unknown key/)
  assert.match(found['defaults.envv'] ?? '', /Did you mean env\?/)
  assert.match(found['defaults.graceMs'] ?? '', /found a text/)
})
