import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'

import { load, problemsOf, withServer } from './in-folder.ts'

const http = { transport: 'http' }

test('a range of ports is read', (t) => {
  const range = { first: 20_000, last: 29_999 }
  const config = load(t, withServer(http, { workerPorts: '20000-29999' }))
  assert.deepEqual(config.workerPorts, range)
  assert.doesNotMatch(config.warnings.join('\n'), /workerPorts/)
  const spaced = load(t, 'mcpServers: { demo: { command: node } }\nworkerPorts: 20000 - 29999\n')
  assert.deepEqual(spaced.workerPorts, range)
  const byVariable = load(t, withServer(http), { env: { BERTH_WORKER_PORTS: '20000-29999' } })
  assert.deepEqual(byVariable.workerPorts, range)
})

test('a range that will not do is refused with what would', (t) => {
  const rows: [unknown, RegExp][] = [
    ['29999-20000', /begins behind its end\. Example: workerPorts: 20000-29999/],
    ['80-2000', /reaches beyond 1024-65535/],
    ['60000-70000', /reaches beyond 1024-65535/],
    ['20000-20003', /has 4 ports; 10 are the least/],
    ['20000-20000', /has 1 port; 10 are the least/],
    ['8000-8080', /contains listen\.port \(8080\)/],
    ['8081-9000', /contains admin\.port \(8081\)/],
    ['20000', /found a text, expected a range of ports such as 20000-29999/],
    ['', /found an empty text, expected a range of ports/],
    [20_000, /found the number 20000, expected a range of ports/],
    [{ first: 20_000, last: 29_999 }, /found a map, expected a range of ports/],
  ]
  for (const [workerPorts, message] of rows) {
    assert.match(problemsOf(t, withServer(http, { workerPorts })).workerPorts ?? '', message)
  }
})

test('fewer ports than sessions are told of, where a server needs them', (t) => {
  const few = { workerPorts: '20000-20099' }
  assert.match(
    load(t, withServer(http, few)).warnings.join('\n'),
    /workerPorts \(20000-20099\) has 100 ports, and maxSessions is 500/,
  )
  const rows = [{}, { ...http, port: 8000 }]
  for (const server of rows) {
    assert.doesNotMatch(load(t, withServer(server, few)).warnings.join('\n'), /workerPorts/)
  }
  const fewSessions = load(t, withServer(http, { ...few, maxSessions: 100 }))
  assert.doesNotMatch(fewSessions.warnings.join('\n'), /workerPorts/)
})

test(
  'what the system gives away by itself is told of',
  { skip: process.platform !== 'linux' },
  (t) => {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
    const [first = 0, last = 0] = range.split(/\s+/).map(Number)
    const workerPorts = `${Math.max(first - 10, 1024)}-${last}`
    assert.match(
      load(t, withServer(http, { workerPorts })).warnings.join('\n'),
      /meets the ports that this system gives to connections by itself.*ip_local_reserved_ports/,
    )
  },
)
