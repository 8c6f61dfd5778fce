import assert from 'node:assert/strict'
import test from 'node:test'

import { describeServer } from '../../src/config/describe.ts'
import { load, problemsOf, withServer } from './in-folder.ts'

const maxAgeMs = 3_600_000

test('how many workers are kept warm is a number, or a range', (t) => {
  const rows: [unknown, unknown][] = [
    [0, undefined],
    [2, { min: 2, max: 2, maxAgeMs }],
    [
      { min: 1, max: 8 },
      { min: 1, max: 8, maxAgeMs },
    ],
    [
      { max: 8, maxAgeMs: 60_000 },
      { min: 0, max: 8, maxAgeMs: 60_000 },
    ],
    [{ min: 3 }, { min: 3, max: 3, maxAgeMs }],
    [{}, undefined],
  ]
  for (const [warm, expected] of rows) {
    assert.deepEqual(load(t, withServer({ warm })).servers[0]?.warm, expected)
  }
  assert.equal(load(t, withServer({})).servers[0]?.warm, undefined)
  const [server] = load(t, withServer({}, { defaults: { warm: { max: 3 } } })).servers
  assert.deepEqual(server?.warm, { min: 0, max: 3, maxAgeMs })
  assert.match(describeServer(server), /, 0 to 3 kept warm,/)
})

test('what cannot be kept warm is refused with the reason', (t) => {
  const secrets = { secrets: { fromEnv: ['KEY'] } }
  const rows: [string, Record<string, unknown>, RegExp][] = [
    ['', { warm: -1 }, /expected a number, or a map of min, max and maxAgeMs/],
    ['', { warm: 'two' }, /expected a number, or a map/],
    ['', { warm: 1.5 }, /expected a number, or a map/],
    ['.max', { warm: { min: 3, max: 2 } }, /is less than min \(3\)/],
    ['', { warm: 1, transport: 'http', port: 8000 }, /one worker at a time has port 8000/],
    ['', { warm: 1, env: { KEY: '${secret:KEY}' } }, /env\.KEY is known only when a session opens/],
  ]
  for (const [key, server, message] of rows) {
    const problems = problemsOf(t, withServer(server, secrets))
    assert.match(problems[`mcpServers.demo.warm${key}`] || JSON.stringify(problems), message)
  }
  const remote = { mcpServers: { demo: { url: 'http://127.0.0.1:9/mcp', warm: 1 } } }
  assert.match(problemsOf(t, remote)['mcpServers.demo.warm'] ?? '', /nothing is started for a url/)
})

test('defaults keep none warm that cannot be, and it is said why', (t) => {
  const defaults = { warm: 2 }
  const { servers, warnings } = load(t, {
    defaults,
    mcpServers: {
      remote: { url: 'http://127.0.0.1:9/mcp' },
      fixed: { command: 'node', transport: 'http', port: 8000 },
      alone: {
        command: 'node',
        isolation: 'sandbox',
        network: 'private',
        transport: 'http',
        port: 8000,
      },
      off: { command: 'node', warm: 0 },
      usual: { command: 'node' },
    },
  })
  assert.deepEqual(
    servers.filter(({ warm }) => warm !== undefined).map(({ name }) => name),
    ['alone', 'usual'],
  )
  assert.doesNotMatch(warnings.join('\n'), /warm/)
  const told = servers.map(describeServer)
  assert.match(told[0] ?? '', /none kept warm: nothing is started for a url/)
  assert.match(told[1] ?? '', /none kept warm: one worker at a time has port 8000/)
  assert.doesNotMatch(told[3] ?? '', /warm/)
  assert.match(told[4] ?? '', /, 2 kept warm,/)
})
