import assert from 'node:assert/strict'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'

import { errorOf, inputFor, load, problemsOf, withServer } from './in-folder.ts'

test('a file with servers alone gets every default', (t) => {
  const input = inputFor(t, withServer())
  const { servers, file, stateDir, searchPath, warnings, ...config } = load(t, withServer())
  assert.equal(searchPath, process.env.PATH)
  assert.deepEqual(config, {
    listen: {
      host: '127.0.0.1',
      port: 8080,
      publicUrl: undefined,
      allowedOrigins: [],
      allowedHosts: [],
      bodyLimitBytes: 4 * 1024 * 1024,
    },
    admin: { host: '127.0.0.1', port: 8081 },
    store: { kind: 'memory' },
    agentcore: {
      accountId: '123456789012',
      region: 'us-east-1',
      deadSession: 'not-found',
      delete: 'end',
      bodyLimitBytes: 100_000_000,
      requestTimeoutMs: 900_000,
      streamMaxMs: 3_600_000,
    },
    allowAnonymous: 'loopback',
    authorization: {
      global: 'none',
      servers: { demo: 'none' },
      resource: 'server',
      clockSkewMs: 60_000,
    },
    caps: {
      maxSessions: 500,
      maxSessionsPerPrincipal: 100,
      maxStarting: 2 * os.availableParallelism(),
      maxQueued: 100,
      minFreeMemory: 5,
    },
    quotas: undefined,
    drainMs: 10_000,
    workerPorts: undefined,
    secrets: { file: undefined, userKey: 'sub', shared: {}, command: undefined },
    retention: {
      maxAgeMs: 7 * 24 * 3600 * 1000,
      maxTotalBytes: 1024 ** 3,
      logFileBytes: 10 * 1024 ** 2,
    },
    log: { level: 'info', pretty: 'auto' },
    bundles: [],
    clientNotes: [],
  })
  assert.match(stateDir, /home\/\.local\/state\/berth$/)
  assert.match(file ?? '', /project\/berth\.yaml$/)
  assert.equal(servers.length, 1)
  assert.match(warnings.join(), /demo work in the same folder/)
  assert.notEqual(input.cwd, path.dirname(file ?? ''))
})

test('every setting of the file arrives', (t) => {
  const top = {
    listen: {
      host: '::1',
      port: 0,
      publicUrl: 'https://MCP.example.com/base/',
      allowedOrigins: ['https://App.example.com'],
      allowedHosts: ['Other.example.com:8443'],
      bodyLimit: 5000,
    },
    admin: { host: 'localhost', port: 0 },
    store: { kind: 'memory' },
    maxSessions: 3,
    maxSessionsPerPrincipal: 2,
    maxStarting: 1,
    maxQueued: 0,
    minFreeMemory: 90,
    drainMs: 0,
    stateDir: '../state',
    retention: { maxAgeMs: 0, maxTotalBytes: 2_000_000, logFileBytes: 5000 },
    log: { level: 'debug', pretty: false },
  }
  const config = load(t, withServer({}, top))
  assert.deepEqual(config.listen, {
    host: '::1',
    port: 0,
    publicUrl: 'https://mcp.example.com/base',
    allowedOrigins: ['https://app.example.com'],
    allowedHosts: ['other.example.com:8443', 'mcp.example.com'],
    bodyLimitBytes: 5000,
  })
  assert.deepEqual(config.admin, { host: 'localhost', port: 0 })
  assert.deepEqual(config.caps, {
    maxSessions: 3,
    maxSessionsPerPrincipal: 2,
    maxStarting: 1,
    maxQueued: 0,
    minFreeMemory: 90,
  })
  assert.equal(config.drainMs, 0)
  assert.equal(config.stateDir, path.join(path.dirname(config.file ?? ''), '../state'))
  assert.deepEqual(config.retention, top.retention)
  assert.deepEqual(config.log, top.log)
})

test('the result is frozen to the ground', (t) => {
  const config = load(t, withServer())
  assert.throws(() => config.servers.push(config.servers[0]!), TypeError)
  assert.throws(() => (config.servers[0]!.env.X = 'y'), TypeError)
  assert.throws(() => (config.caps.maxSessions = 1), TypeError)
})

test('a section whose lines are all comments is an empty one', (t) => {
  assert.equal(load(t, 'listen:\nlog:\nmcpServers:\n  a: { command: node }\n').listen.port, 8080)
})

test('the state folder is below XDG_STATE_HOME, if that is absolute, and ~ is the home', (t) => {
  const dir = (env: Record<string, string>, top = {}): string =>
    load(t, withServer({}, top), { env: { PATH: '/bin', ...env } }).stateDir
  assert.equal(dir({ XDG_STATE_HOME: '/var/state' }), '/var/state/berth')
  assert.match(dir({ XDG_STATE_HOME: 'state' }), /home\/\.local\/state\/berth$/)
  assert.match(dir({}, { stateDir: '~/b' }), /\/home\/b$/)
})

test('everything that is wrong is named at once, with path, type, expectation and example', (t) => {
  const found = problemsOf(t, {
    listen: { port: '8080', hots: 1, bodyLimit: 1.5, allowedOrigins: ['*'], publicUrl: 'mcp' },
    log: { level: 'verbose' },
    maxSessions: 0,
    listne: {},
    drainMs: null,
    graceMs: 1,
    mcpServers: {
      fetch: { command: 'node', lifecycleConfiguration: { maxLifetime: '8h' } },
      other: { command: ['node'] },
      third: 'node',
    },
  })
  assert.deepEqual(found, {
    listne: 'unknown key. Did you mean listen?',
    graceMs: 'is a key of a server: write it into the server, or under defaults for all.',
    maxSessions:
      'found the number 0, expected a whole number from 1 to 100000. Example: maxSessions: 500',
    drainMs:
      'found nothing (null), expected a whole number of milliseconds from 0 to 3600000. Example: drainMs: 10000',
    'listen.port': 'found a text, expected a whole number from 0 to 65535. Example: port: 8080',
    'listen.hots': 'unknown key. Did you mean host?',
    'listen.bodyLimit':
      'found the number 1.5, expected a whole number of bytes from 1024 to 1073741824. Example: bodyLimit: 4194304',
    'listen.allowedOrigins[0]':
      'found a text, expected an exact origin: scheme, host and port, without a path or a wildcard. Example: allowedOrigins: [https://app.example.com]',
    'listen.publicUrl':
      'found a text, expected an http or https URL without query, fragment or password. Example: publicUrl: https://mcp.example.com',
    'log.level':
      'found a text, expected trace, debug, info, warn, error, fatal or silent. Example: level: info',
    'mcpServers.fetch.lifecycleConfiguration.maxLifetime':
      'found a text, expected a whole number of seconds from 1 to 1209600. Example: maxLifetime: 28800',
    'mcpServers.other.command':
      'found a list, expected a text that is not empty. Example: command: npx',
    'mcpServers.third':
      'found a text, expected a map with command or url. Example: third: { command: npx, args: [...] }',
  })
})

test('the message has a line for each problem and begins with the file', (t) => {
  const input = inputFor(t, withServer({}, { listen: {}, a: 1, b: 2 }))
  const lines = errorOf(input).message.split('\n')
  assert.equal(lines[0], `${input.file ?? ''} has 2 problems:`)
  assert.deepEqual(lines.slice(1), ['  a: unknown key.', '  b: unknown key.'])
})

test('what later releases have is refused with a sentence, never ignored', (t) => {
  for (const isolation of ['container', 'kubernetes']) {
    const found = problemsOf(t, withServer({ isolation }))
    assert.match(found['mcpServers.demo.isolation'] ?? '', /comes with a later release/)
  }
})
