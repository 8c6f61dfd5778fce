import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'

import { describeServer, shownCommand, shownUrl } from '../../src/config/describe.ts'
import { load, serverOf } from './in-folder.ts'

const described = (t: TestContext, server: object, env = {}): string =>
  describeServer(serverOf(load(t, { mcpServers: { demo: server } }, { env: { PATH: '', ...env } })))

test('one line says how a server is started, isolated and ended', (t) => {
  const base = { command: 'node', args: ['a b.js', '${X}'], cwd: 'session' }
  assert.equal(
    described(t, base, { X: 'hush' }),
    'demo: node "a b.js" ${X} (stdio, process, in a folder of each session, idle 15 min, at most 8 h)',
  )
  const http = {
    ...base,
    args: [],
    transport: 'http',
    relay: true,
    lifecycleConfiguration: { maxLifetime: 90 },
  }
  assert.equal(
    described(t, http),
    'demo: node (http on $PORT behind its keeper, process, in a folder of each session, idle 90 s, at most 90 s)',
  )
  assert.match(described(t, { ...http, port: 8000, relay: false }), /\(http on port 8000, process/)
  assert.match(
    described(t, { command: 'node', protocol: 'http' }),
    /\(http on \$PORT, no MCP but invocations, process/,
  )
  assert.match(described(t, { ...http, mode: 'stateless' }), /keeper, stateless, process/)
  assert.match(described(t, { command: 'node' }), /, in \/.*project, idle/)
})

test('a remote server is said to be shared, and its address has no secrets', (t) => {
  const url = 'https://${HOST}/mcp?key=hush&b=${KEY}'
  assert.equal(
    described(t, { url, headers: { a: '${KEY}' } }, { HOST: 'h', KEY: 'hush' }),
    'demo: https://${HOST}/mcp?key=…&b=${KEY} (remote, shared by its sessions, idle 15 min, at most 8 h)',
  )
})

test('what looks like a secret in an argument is left out', () => {
  const lines: [string[], string][] = [
    [['--token', 'hush', 'x'], 'c --token … x'],
    [['--api-key=hush'], 'c --api-key=…'],
    [['API_KEY=hush', 'MODE=fast'], 'c API_KEY=… MODE=fast'],
    [['--password', '${PW}'], 'c --password ${PW}'],
    [['--token', '--verbose'], 'c --token --verbose'],
    [['--header', 'Authorization: Bearer hush'], 'c --header "Authorization: Bearer …"'],
    [['--header', 'Authorization: Bearer ${T}'], 'c --header "Authorization: Bearer ${T}"'],
    [['-H', 'X-Api-Key: hush'], 'c -H "X-Api-Key: …"'],
    [['postgres://me:hush@db/x'], 'c postgres://…@db/x'],
    [['${API_TOKEN:-hush}', '${PORT:-80}'], 'c ${API_TOKEN:-…} ${PORT:-80}'],
    [['--max-tokens', '5'], 'c --max-tokens …'],
    [['-y', '@scope/auth-server', '--port', '8000'], 'c -y @scope/auth-server --port 8000'],
  ]
  for (const [args, line] of lines) assert.equal(shownCommand('c', args), line)
  assert.equal(shownUrl('https://u:hush@h/mcp'), 'https://…@h/mcp')
})

test('the line is one line, and not endless', () => {
  const line = shownCommand('python3', ['-c', 'a\nb', 'x'.repeat(500)])
  assert.match(line, /^python3 -c "a\\nb" x{119}…$/)
})
