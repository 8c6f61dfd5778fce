import assert from 'node:assert/strict'
import test from 'node:test'

import { launchOf, load, problemsOf, serverOf, withServer } from './in-folder.ts'

const only = (problems: Record<string, string>): string => Object.values(problems).join('\n')
const said = (warnings: readonly string[]): string =>
  warnings.filter((warning) => !warning.includes('same folder')).join('\n')

test('every key of a server with a command arrives', (t) => {
  const files = { 'project/sub/.keep': '', 'project/x.env': 'FROM_FILE=1\n' }
  const server = {
    args: ['--port', '${PORT}'],
    transport: 'http',
    path: '/api/mcp',
    relay: true,
    sessionsPerKeeper: 3,
    env: { A: 'b' },
    envFile: 'x.env',
    cwd: 'sub',
    isolation: 'process',
    lifecycleConfiguration: { idleRuntimeSessionTimeout: 2, maxLifetime: 3 },
    startTimeoutMs: 4,
    graceMs: 5,
    onExpired: 'reopen',
    default: true,
  }
  const config = load(t, withServer(server), { files })
  const found = serverOf(config)
  assert.deepEqual(launchOf(config), {
    kind: 'local',
    shown: 'node --port ${PORT}',
    command: 'node',
    args: ['--port', '${PORT}'],
    transport: 'http',
    path: '/api/mcp',
    relay: true,
    sessionsPerKeeper: 3,
    limits: {},
    sandbox: {
      network: 'host',
      outbound: true,
      mounts: [],
      hidden: [config.file, config.file?.replace('berth.yaml', 'x.env')],
    },
    origin: { isCommandLine: false, withheld: [] },
  })
  assert.equal(found.driver, 'process')
  assert.match(found.cwd, /project\/sub$/)
  assert.deepEqual([found.env.A, found.env.FROM_FILE], ['b', '1'])
  assert.deepEqual(found.lifecycle, { idleMs: 2000, maxMs: 3000 })
  assert.deepEqual([found.startTimeoutMs, found.graceMs, found.isDefault], [4, 5, true])
  assert.equal(found.onExpired, 'reopen')
  assert.equal(serverOf(load(t, withServer({}))).onExpired, 'not-found')
  assert.match(
    problemsOf(t, withServer({ onExpired: 'open' }))['mcpServers.demo.onExpired'] ?? '',
    /reopen/,
  )
})

test('a server needs a command or a url, and not both', (t) => {
  const servers = { neither: {}, both: { command: 'node', url: 'http://x/mcp' } }
  const found = problemsOf(t, { mcpServers: servers })
  assert.match(found['mcpServers.neither'] ?? '', /neither command nor url/)
  assert.match(found['mcpServers.both'] ?? '', /both command and url/)
  const other = problemsOf(t, { mcpServers: { a: { baseUrl: 'http://x' }, b: { cmd: 'x' } } })
  assert.match(other['mcpServers.a'] ?? '', /It has baseUrl; write url\./)
  assert.match(other['mcpServers.b'] ?? '', /It has cmd; write command\./)
})

test('servers and mcpServers are the same, and not both', (t) => {
  const servers = { demo: { command: 'node' } }
  assert.equal(load(t, { servers }).servers[0]?.name, 'demo')
  assert.match(problemsOf(t, { servers, mcpServers: servers }).servers ?? '', /beside mcpServers/)
  assert.match(problemsOf(t, { servers: [servers] }).servers ?? '', /found a list, expected a map/)
  assert.match(problemsOf(t, { servers: {} }).servers ?? '', /names no server/)
  assert.match(problemsOf(t, { admin: {} }).mcpServers ?? '', /names no server/)
})

test('type is honoured as other clients write it', (t) => {
  for (const type of ['stdio', 'local']) {
    assert.equal(launchOf(load(t, withServer({ type }))).transport, 'stdio')
  }
  for (const type of ['http', 'streamable-http', 'streamableHttp', 'streamable_http']) {
    const { servers } = load(t, { mcpServers: { far: { url: 'http://127.0.0.1:1/mcp', type } } })
    assert.equal(servers[0]?.driver, 'remote')
  }
  const { servers } = load(t, { mcpServers: { far: { url: 'http://x/mcp', transport: 'http' } } })
  assert.equal(servers[0]?.driver, 'remote')
})

test('a type that contradicts the rest is refused', (t) => {
  assert.match(only(problemsOf(t, withServer({ type: 'http' }))), /write transport: http/)
  const both = { type: 'stdio', transport: 'http' }
  assert.match(only(problemsOf(t, withServer(both))), /contradicts transport: http/)
  const far = { url: 'http://x/mcp', type: 'stdio' }
  assert.match(only(problemsOf(t, { mcpServers: { far } })), /goes with a command/)
  assert.match(only(problemsOf(t, withServer({ type: 'ws' }))), /expected stdio or http/)
  assert.match(only(problemsOf(t, withServer({ isolation: 'remote' }))), /has isolation: process/)
})

test('sse is refused with the reason and what to do', (t) => {
  for (const key of ['type', 'transport']) {
    const found = problemsOf(t, { mcpServers: { old: { url: 'http://x/sse', [key]: 'sse' } } })
    assert.match(found['mcpServers.old'] ?? '', /2024-11-05, deprecated.*type: http.*mcp-remote/)
  }
})

test('keys for HTTP servers are refused on a stdio server', (t) => {
  const found = problemsOf(t, withServer({ port: 1, path: '/x', relay: true }))
  assert.deepEqual(
    Object.keys(found),
    ['port', 'path', 'relay'].map((key) => `mcpServers.demo.${key}`),
  )
  assert.match(only(found), /add transport: http/)
})

test('a disabled server is left out with one warning, whatever else is wrong with it', (t) => {
  const servers = {
    demo: { command: 'node' },
    off: { disabled: true, type: 'sse', network: 1 },
    out: { enabled: false },
  }
  const config = load(t, { mcpServers: servers })
  assert.deepEqual(
    config.servers.map(({ name }) => name),
    ['demo'],
  )
  assert.equal(config.servers[0]?.isDefault, true)
  assert.match(said(config.warnings), /^The server off is left out.*\nThe server out is left out/)
  const off = { disabled: true, command: 'node' }
  assert.match(only(problemsOf(t, { mcpServers: { off } })), /no server that is enabled/)
})

test('keys of other clients are named in one warning for a server, and near misses are mistakes', (t) => {
  const foreign = {
    ...{ timeout: 60, description: 'x' },
    ...{
      icon: 'x',
      gallery: true,
      version: '1',
      dev: {},
      oauth: {},
      tools: [],
      headersHelper: 'x',
    },
  }
  const { warnings } = load(t, withServer(foreign))
  assert.equal(
    said(warnings),
    `mcpServers.demo: Berth does not know ${Object.keys(foreign).slice(0, -1).join(', ')} and headersHelper.`,
  )
  const near = { agrs: [], theme: {}, env_file: 'x', lifecycle: {}, _args: [], auth: {} }
  const { warnings: theirs } = load(t, withServer(near, { globalShortcut: '' }))
  assert.match(
    said(theirs),
    /^mcpServers\.demo: Berth does not know agrs \(did you mean args\?\), theme, env_file \(did you mean envFile\?\), lifecycle \(did you mean lifecycleConfiguration\?\), _args .* and auth\.$/m,
  )
  const demo = 'mcpServers.demo'
  for (const own of [{}, { listen: {} }]) {
    assert.deepEqual(problemsOf(t, withServer({ isolaton: 'sandbox', ...near }, own)), {
      [`${demo}.isolaton`]: 'unknown key. Did you mean isolation?',
      [`${demo}.agrs`]: 'unknown key. Did you mean args?',
      [`${demo}.env_file`]: 'unknown key. Did you mean envFile?',
      [`${demo}.lifecycle`]: 'unknown key. Did you mean lifecycleConfiguration?',
    })
  }
  const comand = problemsOf(t, { mcpServers: { demo: { comand: 'node' } } })
  assert.match(comand['mcpServers.demo'] ?? '', /neither command nor url/)
})

test("VS Code's sandbox is said to be missing", (t) => {
  const { warnings } = load(t, {
    sandbox: {},
    servers: { demo: { command: 'node', sandboxEnabled: true } },
  })
  assert.match(said(warnings), /Berth does not know sandboxEnabled\. The sandbox is VS Code's own/)
  assert.match(said(warnings), /^sandbox is VS Code's own/m)
})

test('keys without effect on that kind of server are named', (t) => {
  const far = { url: 'http://x/mcp', args: ['a'], env: { A: 'b' }, cwd: 'nowhere' }
  assert.match(said(load(t, { mcpServers: { far } }).warnings), /args, env and cwd have no effect/)
  assert.match(said(load(t, withServer({ headers: {} })).warnings), /headers has no effect/)
})
