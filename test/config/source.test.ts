import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import { loadConfig } from '../../src/config/load.ts'
import { usualFiles } from '../../src/config/source.ts'
import {
  errorOf,
  folderOf,
  inputFor,
  launchOf,
  load,
  problemsOf,
  serverOf,
  withServer,
} from './in-folder.ts'

const json = JSON.stringify(withServer())

test('YAML and JSON say the same', (t) => {
  const yaml = 'mcpServers:\n  demo:\n    command: node\n    args: [a.js]\n'
  const fromYaml = load(t, yaml)
  const fromJson = load(t, withServer({ args: ['a.js'] }), { name: 'project/berth.json' })
  const { sandbox, ...launch } = launchOf(fromYaml)
  const { sandbox: other, ...same } = launchOf(fromJson)
  assert.deepEqual(launch, same)
  assert.deepEqual({ ...sandbox, hidden: [fromJson.file] }, other)
  assert.deepEqual(launchOf(fromYaml).args, ['a.js'])
})

test('a JSON file may have comments, trailing commas, tabs and a byte order mark', (t) => {
  const text = `\uFEFF// first
{
\t/* two
\t   lines */
\t"mcpServers": {
\t\t"demo": { "command": "node", "args": ["http://x//y", "/* no */", "\\"//",], }, // last
\t},
}
`
  const { args } = launchOf(load(t, text, { name: 'project/.vscode/mcp.json' }))
  assert.deepEqual(args, ['http://x//y', '/* no */', '"//'])
})

test('anchors and merge keys of YAML work', (t) => {
  const text = `
defaults: &slow { startTimeoutMs: 9000 }
mcpServers:
  demo: { <<: *slow, command: node, graceMs: 1 }
`
  const [server] = load(t, text).servers
  assert.equal(server?.startTimeoutMs, 9000)
  assert.equal(server.graceMs, 1)
})

test('what is a text anyway keeps the form in which it was written', (t) => {
  const text = `
mcpServers:
  demo:
    command: node
    args: [1.10, 0042, true, 12345678901234567890]
    env: { VERSION: 1.10, PIN: 0042, ON: true, BIG: 0x10 }
defaults:
  env: { OF_ALL: 007 }
`
  const { servers } = load(t, text)
  assert.deepEqual(launchOf(load(t, text)).args, ['1.10', '0042', 'true', '12345678901234567890'])
  const { VERSION, PIN, ON, BIG, OF_ALL } = servers[0]?.env ?? {}
  assert.equal(OF_ALL, '007')
  assert.deepEqual(
    { VERSION, PIN, ON, BIG },
    { VERSION: '1.10', PIN: '0042', ON: 'true', BIG: '0x10' },
  )
})

test('every syntax error is named with its line and column', (t) => {
  assert.match(problemsOf(t, 'listen:\n  port: 1\n  port: 2\n')['line 3, column 3'] ?? '', /twice/)
  const missing = '{\n  "mcpServers": {}\n  "admin": {}\n}'
  assert.match(
    Object.entries(problemsOf(t, missing, { name: 'p/berth.json' })).join(),
    /line 3, column 3.*comma/,
  )
  const duplicate = '{"admin": {},\n // c\n "admin": {}}'
  assert.deepEqual(problemsOf(t, duplicate, { name: 'p/berth.json' }), {
    'line 3, column 2': 'this key stands twice in one map.',
  })
  const two = 'a: "x\nb: [1\n---\n'
  assert.ok(Object.keys(problemsOf(t, two)).every((where) => where.startsWith('line ')))
})

test('a syntax error never quotes the file', (t) => {
  for (const text of [
    'TOKEN: !hush x\n',
    'TOKEN: *hush\n',
    'a: "\\qhush"\n',
    'a: x}hush: [\n',
    'a: @hush\n',
  ]) {
    assert.doesNotMatch(errorOf(inputFor(t, text)).message, /hush/)
    assert.doesNotMatch(errorOf(inputFor(t, `{"a": ${text}}`, { name: 'x.json' })).message, /hush/)
  }
})

test('a file that holds no map, or nothing, says what is expected', (t) => {
  assert.match(problemsOf(t, '- 1\n')[''] ?? '', /a map/)
  assert.match(problemsOf(t, '[]', { name: 'x.json' })[''] ?? '', /a JSON object/)
  assert.match(problemsOf(t, '# nothing\n').mcpServers ?? '', /names no server/)
})

test('a file that is not there, or is a folder, is named', (t) => {
  const root = folderOf(t, { 'folder/x': '' })
  const input = { cwd: root, homeDir: root, env: {} }
  assert.match(
    errorOf({ ...input, file: 'no.yaml' }).message,
    /no\.yaml has a problem:\n.*no such file/,
  )
  assert.match(errorOf({ ...input, file: 'folder' }).message, /this is a folder/)
})

test('without a file and a command the first of the usual files is taken', (t) => {
  for (const [index, name] of usualFiles.entries()) {
    const later = usualFiles.slice(index).map((file) => [file, json] as const)
    const root = folderOf(t, Object.fromEntries(later))
    const config = loadConfig({ cwd: root, homeDir: root, env: { PATH: process.env.PATH } })
    assert.equal(config.file, path.join(root, name))
  }
})

test('UTF-16 and UTF-8 are read with a byte order mark and without', (t) => {
  const text = JSON.stringify({ mcpServers: { é: { command: 'node', args: ['日本'] } } })
  const little = Buffer.from(`\uFEFF${text}\r\n`, 'utf16le')
  const files = {
    little,
    big: Buffer.from(little).swap16(),
    unmarked: little.subarray(2),
    odd: Buffer.concat([little, Buffer.from([0x20])]),
    marked: Buffer.from(`\uFEFF${text}`),
  }
  for (const [name, bytes] of Object.entries(files)) {
    const root = folderOf(t)
    writeFileSync(path.join(root, 'mcp.json'), bytes)
    const config = loadConfig({ cwd: root, homeDir: root, env: { PATH: process.env.PATH } })
    assert.deepEqual(launchOf(config, 'e').args, ['日本'], name)
  }
  const env = Buffer.from('\uFEFFA=ä\n', 'utf16le')
  const root = folderOf(t, { 'mcp.json': JSON.stringify(withServer({ envFile: 'x.env' })) })
  writeFileSync(path.join(root, 'x.env'), env)
  const config = loadConfig({ cwd: root, homeDir: root, env: { PATH: process.env.PATH } })
  assert.equal(serverOf(config).env.A, 'ä')
})

test('a file that is only found is passed over when it is empty, with a word', (t) => {
  const root = folderOf(t, { '.mcp.json': ' \n', 'mcp.json': json })
  const input = { cwd: root, homeDir: root, env: { PATH: process.env.PATH } }
  const config = loadConfig(input)
  assert.equal(config.file, path.join(root, 'mcp.json'))
  assert.deepEqual(config.clientNotes, ['.mcp.json is empty, so it was passed over.'])
  assert.equal(config.warnings[0], config.clientNotes[0])
  assert.match(errorOf({ ...input, file: '.mcp.json' }).message, /it is empty\. \(A shell's > FILE/)
  const alone = folderOf(t, { '.mcp.json': '' })
  const { message } = errorOf({ cwd: alone, homeDir: alone, env: {} })
  assert.match(message, /\.mcp\.json is empty.*A shell's > FILE.*There is no other configuration/)
})

test('JSON is read as JSON, however the file is called and however long it is', (t) => {
  const { args } = launchOf(load(t, `// x\n${json}`, { name: 'project/settings' }))
  assert.deepEqual(args, [])
  const long = { ...withServer(), projects: { x: 'y'.repeat(2_000_000) } }
  assert.equal(load(t, long, { name: 'project/.claude.json' }).servers.length, 1)
  const key = { ...withServer(), projects: { ['k'.repeat(3000)]: { a: 1 } } }
  assert.equal(load(t, key, { name: 'project/.claude.json' }).servers.length, 1)
})

test('without anything the error says what to do', (t) => {
  const root = folderOf(t)
  const { message } = errorOf({ cwd: root, homeDir: root, env: {} })
  assert.match(message, /serve --config FILE/)
  assert.match(message, /serve -- COMMAND/)
})
