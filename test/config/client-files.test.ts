import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test, { type TestContext } from 'node:test'

import { loadConfig } from '../../src/config/load.ts'
import { errorOf, folderOf, launchOf, serverOf } from './in-folder.ts'

// As other programs write them; `.sample`, so that no formatter takes out what makes them hard to
// read. Whatever begins with `sk-secret-` must never be shown.
const samples = path.resolve(import.meta.dirname, '../../../test/fixtures/client-files')

/** A sample under the name that it has where people have it, in a home of its own. */
function inputFor(t: TestContext, sample: string, name: string, env: Record<string, string> = {}) {
  const text = readFileSync(path.join(samples, `${sample}.sample`), 'utf8')
  const key = `${path.dirname(name)}/key.txt`
  const home = folderOf(t, { [name]: text, [key]: 'from a file\n' })
  const variables = { PATH: process.env.PATH, HOME: home, ...env }
  return { file: path.join(home, name), cwd: home, homeDir: home, env: variables }
}

/** Warnings about the file itself, and of what it left out; none of what any file could have. */
const usual = /^All sessions of|^mcp|^context_servers|^extensions|is left out|fit into a URL/

const table: [sample: string, name: string, servers: string[], note: RegExp | undefined][] = [
  [
    'claude_desktop_config.json',
    '.config/Claude/claude_desktop_config.json',
    ['filesystem', 'memory'],
    /^This is a file of Claude Desktop: Berth reads the servers in mcpServers, and leaves out globalShortcut, preferences and isUsingBuiltInNodeForMcp\.$/,
  ],
  [
    'claude.json',
    '.claude.json',
    ['memory', 'sentry'],
    /of Claude Code: .* and 3 more\. It has servers of other folders too \(\/home\/ada\/shop\)/,
  ],
  [
    'vscode-settings.json',
    '.config/Code/User/settings.json',
    ['time', 'docs'],
    /of VS Code: Berth reads the servers in mcp\.servers, and leaves out editor\.fontSize, .* and 2 more/,
  ],
  [
    'vscode-dotted-settings.json',
    'settings.json',
    ['time'],
    /of VS Code: .* in mcp\.servers, and leaves out editor\.tabSize and chat\.mcp\.discovery\.enabled\./,
  ],
  [
    'project.code-workspace',
    'x.code-workspace',
    ['time'],
    /in settings\.mcp\.servers, and leaves out folders/,
  ],
  ['vscode-mcp.json', '.vscode/mcp.json', ['perplexity', 'docs'], undefined],
  ['cursor-mcp.json', '.cursor/mcp.json', ['local', 'far'], undefined],
  ['windsurf-mcp_config.json', '.codeium/windsurf/mcp_config.json', ['remote', 'local'], undefined],
  ['cline_mcp_settings.json', 'cline_mcp_settings.json', ['files', 'stream'], undefined],
  [
    'zed-settings.json',
    '.config/zed/settings.json',
    ['old', 'new', 'far'],
    /of Zed: .* in context_servers, and leaves out ui_font_size, theme, log and ssh_connections\.$/,
  ],
  [
    'opencode.json',
    'opencode.json',
    ['everything', 'jira'],
    /of opencode: .* in mcp, and leaves out theme, model, autoupdate and provider\./,
  ],
  ['crush.json', 'crush.json', ['files', 'far'], /of Crush: .* in mcp, and leaves out lsp/],
  [
    'gemini-settings.json',
    '.gemini/settings.json',
    ['python', 'far'],
    /of Gemini CLI: .* and leaves out security and ui\.$/,
  ],
  ['librechat.yaml', 'librechat.yaml', ['files', 'far'], /of LibreChat: .* and endpoints\./],
  [
    'continue-config.yaml',
    '.continue/config.yaml',
    ['Local-files', 'far'],
    /of Continue: .* name, version, schema and models\./,
  ],
  [
    'goose-config.yaml',
    '.config/goose/config.yaml',
    ['files', 'far'],
    /of Goose: .* in extensions, and leaves out GOOSE_PROVIDER and GOOSE_MODEL\./,
  ],
  ['amp-settings.json', '.config/amp/settings.json', ['files', 'far'], /of Amp: .*amp\.mcpServers/],
]

for (const [sample, name, servers, note] of table) {
  test(`${sample} is read, and one warning names what is left out of it`, (t) => {
    const config = loadConfig(inputFor(t, sample, name, { PERPLEXITY_KEY: 'sk-secret-0000' }))
    assert.deepEqual(
      config.servers.map((server) => server.name),
      servers,
    )
    const notes = config.warnings.filter((text) => !usual.test(text))
    assert.equal(notes.length, note === undefined ? 0 : 1, notes.join('\n'))
    if (note !== undefined) assert.match(notes[0] ?? '', note)
    assert.doesNotMatch(config.warnings.join('\n'), /sk-secret|pa\$sword/)
  })
}

test('Claude Code has servers of the folder that one is in, started there', (t) => {
  const text = readFileSync(path.join(samples, 'claude.json.sample'), 'utf8')
  const home = folderOf(t, { 'shop/src/x': '', '.claude.json': '' })
  const shop = path.join(home, 'shop')
  const file = path.join(
    folderOf(t, { '.claude.json': text.replace('/home/ada/shop', shop) }),
    '.claude.json',
  )
  const input = { file, homeDir: home, env: { PATH: process.env.PATH } }
  const config = loadConfig({ ...input, cwd: path.join(shop, 'src') })
  assert.deepEqual(
    config.servers.map(({ name }) => name),
    ['memory', 'sentry', 'database'],
  )
  assert.equal(serverOf(config, 'database').cwd, shop)
  assert.doesNotMatch(config.warnings.join('\n'), /other folders/)
})

test('words and placeholders of other clients mean what they mean there', (t) => {
  const read = (sample: string, name = sample) => loadConfig(inputFor(t, sample, name))
  const opencode = read('opencode.json')
  assert.deepEqual(launchOf(opencode, 'everything').args, ['server.mjs', '--deep'])
  const { KEY, FROM_FILE, HOME } = serverOf(opencode, 'everything').env
  assert.deepEqual([KEY, FROM_FILE], [HOME, 'from a file'])
  const { env } = serverOf(read('gemini-settings.json', '.gemini/settings.json'), 'python')
  assert.deepEqual([env.KEY, env.RAW], [env.HOME, 'pa$sword'])
  const own = serverOf(read('continue-config.yaml', '.continue/config.yaml'), 'Local-files')
  assert.equal(own.env.KEY, own.env.HOME)
  const zed = serverOf(read('zed-settings.json'), 'old')
  assert.equal(zed.env.A, '1')
  const goose = serverOf(read('goose-config.yaml'), 'files')
  assert.equal(goose.env.LEVEL, '3')
  assert.match(read('librechat.yaml').warnings.join('\n'), /headers\.X-User-ID looks as if another/)
})

test("what another client's file has and Berth cannot serve is left out with the reason", (t) => {
  const said = (sample: string) => loadConfig(inputFor(t, sample, sample)).warnings.join('\n')
  assert.match(said('zed-settings.json'), /server postgres is left out: .*Zed alone can start it/)
  assert.match(said('goose-config.yaml'), /server developer is left out: .*Goose alone/)
  assert.match(said('claude.json'), /server linear is left out: HTTP\+SSE/)
  assert.match(said('gemini-settings.json'), /server experimental is left out.*disabled/)
})

test('programs and folders of Windows are named, with what to write in their place', (t) => {
  const { servers, warnings } = loadConfig(
    inputFor(t, 'claude_desktop_windows.json', 'claude_desktop_config.json'),
  )
  assert.deepEqual(
    servers.map(({ name }) => name),
    ['notes'],
  )
  const said = warnings.join('\n')
  assert.match(said, /filesystem is left out: the command .* is a program of Windows.*If npx is/)
  assert.match(said, /github is left out: .*cmd.*Write command: npx, args: \[-y, @model.*, …\]\./)
  assert.match(said, /notes: args\[1\] and env\.APPDATA are paths of Windows/)
  assert.doesNotMatch(said, /sk-secret/)
})

test('TOML is met with a sentence that says what to do', (t) => {
  for (const name of ['config.toml', 'config', 'codex.yaml']) {
    const { message } = errorOf(inputFor(t, 'codex-config.toml', name))
    assert.match(message, /has a problem:\n {2}this is TOML.*\[mcp_servers\.NAME\].*berth\.yaml/)
    assert.doesNotMatch(message, /sk-secret/)
  }
})
