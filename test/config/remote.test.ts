import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'

import { load, problemsOf, serverOf } from './in-folder.ts'

const far = (t: TestContext, server: object, env = {}) => {
  const config = load(t, { mcpServers: { far: { url: 'https://h/mcp', ...server } } }, { env })
  const { launch, ...rest } = serverOf(config, 'far')
  assert.ok(launch.kind === 'remote')
  return { launch, ...rest }
}
const wrong = (t: TestContext, server: object, env = {}): Record<string, string> =>
  problemsOf(t, { mcpServers: { far: { url: 'https://h/mcp', ...server } } }, { env })

test('a url server has an address and headers, and no environment', (t) => {
  const server = far(
    t,
    {
      url: 'HTTPS://Example.com/a/../mcp?x=${X}#part',
      headers: { Authorization: 'Bearer ${X}', 'X-Number': 5 },
    },
    { X: 'secret' },
  )
  assert.deepEqual(server.launch, {
    kind: 'remote',
    shown: 'HTTPS://Example.com/a/../mcp?x=${X}#part',
    url: 'https://example.com/mcp?x=secret',
    headers: { authorization: 'Bearer secret', 'x-number': '5' },
  })
  assert.equal(server.driver, 'remote')
  assert.deepEqual(server.env, {})
  assert.equal(far(t, { isolation: 'remote' }).driver, 'remote')
})

test('placeholders of a url server find its envFile', (t) => {
  const server = { url: 'https://h/mcp', envFile: '.env', headers: { a: '${KEY}' } }
  const files = { 'project/.env': 'KEY=k\n' }
  const config = load(t, { mcpServers: { far: server } }, { files })
  const { launch } = serverOf(config, 'far')
  assert.ok(launch.kind === 'remote')
  assert.deepEqual(launch.headers, { a: 'k' })
})

test('an address that cannot be used is refused without showing it', (t) => {
  const addresses = [
    'hush',
    '/hush',
    'ftp://hush/',
    'unix:///hush',
    'https://hush:hush@h/mcp',
    '${A}',
  ]
  for (const url of addresses) {
    const found = wrong(t, { url }, { A: 'hush' })
    assert.match(found['mcpServers.far.url'] ?? '', /expected an http or https URL/)
    assert.doesNotMatch(JSON.stringify(found), /hush/)
  }
})

test('headers that cannot be sent, or that Berth sets, are refused', (t) => {
  const found = wrong(t, {
    headers: {
      ...{ 'a b': 'x', Host: 'x', 'MCP-Session-Id': 'x', 'Content-Length': '1' },
      ...{ line: 'a\nhush', smile: '☺', 'x-twice': '1', 'X-Twice': '2' },
    },
  })
  const at = (name: string): string => found[`mcpServers.far.headers${name}`] ?? ''
  assert.match(at('["a b"]'), /no name that a header can have/)
  for (const name of ['.Host', '.MCP-Session-Id', '.Content-Length']) {
    assert.match(at(name), /set by Berth itself/)
  }
  assert.match(at('.line'), /such as a line break/)
  assert.match(at('.smile'), /a character that no header may have/)
  assert.match(at('.X-Twice'), /stands twice/)
  assert.doesNotMatch(JSON.stringify(found), /hush/)
})

test('isolation: process is not for a url server', (t) => {
  assert.match(Object.values(wrong(t, { isolation: 'process' })).join(), /has isolation: remote/)
})
