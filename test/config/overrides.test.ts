import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'

import { inputFor, load, problemsOf, serverOf, withServer } from './in-folder.ts'
import { loadConfig } from '../../src/config/load.ts'

const file = withServer({}, { listen: { port: 1 }, log: { level: 'warn' }, maxSessions: 7 })

test('the environment beats the file, and flags beat the environment', (t) => {
  const env = { BERTH_LISTEN_PORT: '2', BERTH_LOG_LEVEL: 'error', BERTH_MAX_SESSIONS: '8' }
  const config = load(t, file, { env, flags: { listenPort: '3' } })
  assert.equal(config.listen.port, 3)
  assert.equal(config.log.level, 'error')
  assert.equal(config.caps.maxSessions, 8)
})

test('every kind of value can come from the environment', (t) => {
  const env = {
    BERTH_LISTEN_ALLOWED_HOSTS: 'a.example.com, b.example.com',
    BERTH_LISTEN_PUBLIC_URL: 'https://mcp.example.com',
    BERTH_LISTEN_BODY_LIMIT: '2048',
    BERTH_LOG_PRETTY: 'true',
    BERTH_RETENTION_MAX_AGE_MS: '5',
    BERTH_DEFAULTS_START_TIMEOUT_MS: '1234',
    BERTH_DEFAULTS_PASS_ENV: 'SEEN_*',
    BERTH_DEFAULTS_LIFECYCLE_CONFIGURATION_IDLE_RUNTIME_SESSION_TIMEOUT: '3',
    BERTH_ADMIN_PORT: '',
    SEEN_ONE: '1',
    HIDDEN: '1',
  }
  const config = load(t, file, { env })
  assert.deepEqual(config.listen.allowedHosts, [
    'a.example.com',
    'b.example.com',
    'mcp.example.com',
  ])
  assert.equal(config.listen.bodyLimitBytes, 2048)
  assert.equal(config.log.pretty, true)
  assert.equal(config.retention.maxAgeMs, 5)
  assert.equal(config.admin.port, 8081)
  const server = serverOf(config)
  assert.equal(server.startTimeoutMs, 1234)
  assert.equal(server.lifecycle.idleMs, 3000)
  assert.equal(server.env.SEEN_ONE, '1')
  assert.equal(server.env.HIDDEN, undefined)
})

test('a state folder from the environment or a flag starts from the folder of the shell', (t) => {
  for (const input of [{ env: { BERTH_STATE_DIR: './s' } }, { flags: { stateDir: './s' } }]) {
    const given = inputFor(t, file, input)
    assert.equal(loadConfig(given).stateDir, path.join(given.cwd, 's'))
  }
})

test('a bad value is named by its variable, without the value', (t) => {
  const found = problemsOf(t, file, {
    env: { BERTH_LISTEN_PORT: 'hush', BERTH_MAX_SESSIONS: '-1' },
  })
  assert.match(
    found.BERTH_LISTEN_PORT ?? '',
    /^\(listen\.port\) found a text, expected a whole number/,
  )
  assert.match(found.BERTH_MAX_SESSIONS ?? '', /\(maxSessions\) found the number -1/)
  assert.doesNotMatch(JSON.stringify(found), /hush/)
  const flag = problemsOf(t, file, { flags: { logLevel: 'loud' } })
  assert.match(flag['The command line'] ?? '', /\(log\.level\)/)
})

test('a variable that is no setting is named with the nearest, those of workers are not', (t) => {
  const env = { BERTH_LISTEN_PROT: '1', BERTH_SESSION_ID: 'x', BERTH_WORKSPACE: 'x' }
  const { warnings } = load(t, file, { env })
  assert.deepEqual(
    warnings.filter((warning) => warning.includes('BERTH_') && !warning.includes('same folder')),
    ['The variable BERTH_LISTEN_PROT is no setting of Berth. Did you mean BERTH_LISTEN_PORT?'],
  )
})

test('servers cannot be overridden', (t) => {
  const { warnings } = load(t, file, { env: { BERTH_MCP_SERVERS_DEMO_COMMAND: 'sh' } })
  assert.match(warnings.join('\n'), /BERTH_MCP_SERVERS_DEMO_COMMAND is no setting/)
})
