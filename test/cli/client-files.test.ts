import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { compiled } from '../support/config.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { main, place } from './berth.ts'

const samples = join(import.meta.dirname, '../../../test/fixtures/client-files')
const sample = (name: string): string => readFileSync(join(samples, `${name}.sample`), 'utf8')
const about = `import ${JSON.stringify(compiled('test/fixtures/workers/tells-who.js'))}`
const shell = promisify(execFile)

describe('files of other clients', { concurrency: 3 }, () => {
  for (const [name, server, note] of [
    ['claude_desktop_config.json', 'filesystem', 'Claude Desktop'],
    ['claude.json', 'memory', 'Claude Code'],
    ['vscode-settings.json', 'time', 'VS Code'],
    ['zed-settings.json', 'old', 'Zed'],
    ['opencode.json', 'everything', 'opencode'],
    ['gemini-settings.json', 'python', 'Gemini CLI'],
    ['goose-config.yaml', 'files', 'Goose'],
  ] as const) {
    it(`checks and serves ${name}, with one note on the file and no secret of it`, async (t) => {
      const { put, berth, serve } = place(t)
      const file = put(name, sample(name))
      put('server.mjs', about)
      put('key.txt', 'from a file')
      const checked = await berth(['check', file])
      assert.equal(checked.code, 0, checked.stderr)
      const serving = await serve([file])
      for (const said of [checked.stderr, serving.said()]) {
        assert.equal(said.match(/^note: This is a file of /gm)?.length, 1, said)
        assert.ok(said.includes(`note: This is a file of ${note}: `), said)
      }
      assert.doesNotMatch(checked.stdout + checked.stderr + serving.said(), /sk-secret/)
      const { call } = await connectClient(t, serving.mcp(server))
      assert.match(textOf(await call('about')), /cwd/)
    })
  }

  it('serves under an ASCII name what is called in another script, and says so', async (t) => {
    const { put, serve, berth } = place(t)
    put('server.mjs', about)
    put('mcp.json', { mcpServers: { 日本語: { command: 'node', args: ['server.mjs'] } } })
    const serving = await serve([])
    assert.match(
      serving.said(),
      /note: The server "日本語" is served at \/servers\/server-77710a\/mcp/,
    )
    const { call } = await connectClient(t, serving.mcp('server-77710a'))
    assert.match(textOf(await call('about')), /cwd/)
    const { stdout, stderr } = await berth(['client-config', 'cursor', '--json'])
    assert.match(stdout, /"server-77710a": \{\n.*servers\/server-77710a\/mcp"/)
    assert.match(stderr, /^note: The server "日本語" is served at \/servers\/server-77710a\/mcp/)
  })

  it('writes for clients into a file that it would have read, and serves beside it', async (t) => {
    const { put, berth, folder } = place(t)
    put('mcp.json', { mcpServers: { mine: { command: 'node', cwd: 'session' } } })
    const words = `"${process.execPath}" "${main}" client-config claude-code --json > .mcp.json`
    const { stderr } = await shell('sh', ['-c', words], { cwd: folder })
    assert.equal(stderr, 'note: .mcp.json is empty, so it was passed over.\n')
    assert.match(readFileSync(join(folder, '.mcp.json'), 'utf8'), /8080\/servers\/mine\/mcp/)
    const checked = await berth(['check'])
    assert.match(checked.stdout, /mcp\.json is right: 1 server\.\nmine: node/)
    assert.match(checked.stderr, /^note: \.mcp\.json is a file for clients .* passed over\.$/m)
    const named = await berth(['check', '.mcp.json'])
    assert.equal(named.code, 1)
    assert.match(named.stderr, /mcpServers\.mine: the url leads back to this gateway/)
  })

  it('says that the shell has emptied the only file there was', async (t) => {
    const { put, folder } = place(t)
    put('.mcp.json', { mcpServers: { mine: { command: 'node' } } })
    const words = `"${process.execPath}" "${main}" client-config cursor --json > .mcp.json`
    await assert.rejects(shell('sh', ['-c', words], { cwd: folder }), (thrown: Error) => {
      assert.match(thrown.message, /\.mcp\.json is empty.*A shell's > FILE empties the file/)
      return true
    })
    assert.equal(statSync(join(folder, '.mcp.json')).size, 0)
  })
})
