import assert from 'node:assert/strict'
import test from 'node:test'

import { errorOf, inputFor, load, problemsOf, serverOf, withServer } from './in-folder.ts'

const said = (warnings: readonly string[]): string =>
  warnings.filter((warning) => !warning.startsWith('All sessions')).join('\n')

test("a file with a setting or a word of Berth is Berth's own, and knows no other key", (t) => {
  const theme = { theme: 'dark' }
  for (const own of [{ listen: {} }, { maxSessions: 3 }, { defaults: {} }]) {
    assert.deepEqual(problemsOf(t, withServer({}, { ...own, ...theme })), { theme: 'unknown key.' })
  }
  for (const own of [{ isolation: 'process' }, { graceMs: 1 }, { limits: {} }]) {
    assert.deepEqual(problemsOf(t, withServer(own, theme)), { theme: 'unknown key.' })
  }
  const words = { projects: {}, models: [], options: {}, listen: {} }
  assert.deepEqual(Object.keys(problemsOf(t, withServer({}, words))), [
    ...['projects', 'models', 'options'],
  ])
})

test('beside settings of Berth only words that nobody mistypes are left out', (t) => {
  const top = { globalShortcut: '', preferences: {}, listen: { port: 9 } }
  const config = load(t, withServer({}, top))
  assert.equal(config.listen.port, 9)
  assert.match(
    said(config.warnings),
    /of Claude Desktop: .* and leaves out globalShortcut and preferences\./,
  )
  const found = problemsOf(t, withServer({}, { ...top, listne: {}, theme: 1 }))
  assert.deepEqual(found, {
    listne: 'unknown key. Did you mean listen?',
    theme: 'unknown key.',
  })
})

test('in a file of nobody that is known a near miss is a mistake, and all else is named', (t) => {
  const { warnings } = load(t, withServer({}, { theme: 'dark', version: 1 }))
  assert.equal(said(warnings), 'At the top of the file Berth does not know theme and version.')
  const found = problemsOf(t, withServer({}, { theme: 1, listne: {}, graceMs: 1, authorizer: 1 }))
  assert.deepEqual(found, {
    listne: 'unknown key. Did you mean listen?',
    graceMs: 'is a key of a server: write it into the server, or under defaults for all.',
    authorizer: 'unknown key. Did you mean authorizerConfiguration?',
  })
  const dotted = problemsOf(t, withServer({}, { 'listen.port': 9 }))
  assert.deepEqual(dotted, { '["listen.port"]': 'is written as a map: listen: { port: … }' })
})

test("settings of Berth hold in another client's file, so that nobody is let in by mistake", (t) => {
  const top = { numStartups: 1, authorizerConfiguration: 'local', userID: 'x' }
  const config = load(t, withServer({}, top))
  assert.equal(config.authorization.global, 'local')
  const near = load(t, withServer({}, { numStartups: 1, authorizerConfigration: 'local' }))
  assert.match(
    said(near.warnings),
    /leaves out authorizerConfigration \(did you mean authorizerConfiguration\?\)/,
  )
})

test('servers without anything around them are read', (t) => {
  const config = load(t, { one: { command: 'node' }, two: { url: 'https://x.example/mcp' } })
  assert.deepEqual(
    config.servers.map(({ name }) => name),
    ['one', 'two'],
  )
  assert.match(problemsOf(t, { one: { command: 'node' }, two: 1 }).mcpServers ?? '', /names no/)
  assert.match(problemsOf(t, { mcp_servers: {} }).mcp_servers ?? '', /Did you mean mcpServers/)
})

test('names in a file cannot command the terminal', (t) => {
  const top = { '\u001b[31mred': 1, '\u202ex': 1, 'a\u009bb': 1 }
  const { warnings } = load(t, withServer({ '\u001b[2J': 1 }, top))
  assert.doesNotMatch(warnings.join(''), /[\0-\x1f\x7f-\x9f\u202a-\u202e]/)
  const { message } = errorOf(inputFor(t, withServer({}, { ...top, listen: {} })))
  assert.doesNotMatch(message.replaceAll('\n', ''), /[\0-\x1f\x7f-\x9f\u202a-\u202e]/)
})

test("another client's file without servers says whose it is", (t) => {
  const { mcpServers } = problemsOf(t, { 'editor.fontSize': 1, theme: 1 })
  assert.equal(mcpServers, 'names no server: this is a file of VS Code, and none are in it.')
  const projects = { '/x': { mcpServers: { a: { command: 'node' } } } }
  assert.match(problemsOf(t, { projects }).mcpServers ?? '', /folders only \(\/x\)\. Start Berth/)
  const zed = { context_servers: { a: { source: 'extension' } } }
  assert.match(problemsOf(t, zed)['context_servers.a'] ?? '', /Zed alone can start it/)
})

test('null is as good as absent', (t) => {
  const server = { args: null, env: null, cwd: null, limits: null, disabled: null, headers: null }
  const config = load(t, { ...withServer(server), defaults: { env: null, graceMs: 3 } })
  assert.equal(serverOf(config).graceMs, 3)
  assert.equal(said(config.warnings), '')
  const far = { far: { url: 'https://x.example/mcp', headers: null, command: null, env: null } }
  assert.equal(said(load(t, { mcpServers: far }).warnings), '')
})

test('a command line in one text is shown split, without what looks secret', (t) => {
  const { warnings } = load(t, withServer({ command: 'npx-not-here -y x --token sk-1' }))
  const text = said(warnings)
  assert.match(
    text,
    /not in PATH\. A command is one program: write command: npx-not-here, args: \[/,
  )
  assert.match(text, /args: \[-y, x, --token, …\]\./)
  assert.doesNotMatch(text, /sk-1/)
  const path = said(load(t, withServer({ command: '/opt/My App/server' })).warnings)
  assert.doesNotMatch(path, /one program/)
})

test('what only Windows has is an error where Berth alone reads the file', (t) => {
  for (const server of [
    { command: String.raw`C:\tools\server.exe` },
    { command: 'cmd.exe', args: ['/c', 'npx'] },
    { command: String.raw`.\run.bat` },
    { command: 'node', cwd: String.raw`C:\Users\Ada` },
    { command: String.raw`%APPDATA%\npm\npx.cmd` },
  ]) {
    const found = problemsOf(t, withServer({ graceMs: 1, ...server }))
    assert.match(found['mcpServers.demo'] ?? '', /Windows, which is not on this machine/)
  }
  const plain = load(t, withServer({ args: [String.raw`\d+`, 'a%20b', 'c:d', '100%'] }))
  assert.equal(said(plain.warnings), '')
})
