import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { place } from './berth.ts'

const servers = {
  'trip.planner': { command: 'node', args: [compiled('src/demo/trip-planner.js')] },
  expenses: { command: 'node', args: [compiled('src/demo/expenses.js')] },
}
const urls = [
  'http://127.0.0.1:8080/servers/trip.planner/mcp',
  'http://127.0.0.1:8080/servers/expenses/mcp',
]

describe('client-config', { concurrency: 3 }, () => {
  it('prints for Claude Code its commands and its file', async (t) => {
    const { put, berth } = place(t)
    put('berth.yaml', { mcpServers: servers })
    const [all, json] = await Promise.all([
      berth(['client-config', 'claude-code']),
      berth(['client-config', 'claude-code', '--json']),
    ])
    assert.deepEqual(all.stdout.split('\n').slice(0, 2), [
      `claude mcp add --transport http trip-planner ${urls[0]!}`,
      `claude mcp add --transport http expenses ${urls[1]!}`,
    ])
    assert.equal(all.stderr, 'or, as .mcp.json:\n')
    const content = {
      mcpServers: {
        'trip-planner': { type: 'http', url: urls[0] },
        expenses: { type: 'http', url: urls[1] },
      },
    }
    assert.deepEqual(JSON.parse(json.stdout), content)
    assert.ok(all.stdout.endsWith(json.stdout))
    assert.equal(json.stderr, '')
  })

  it('prints for VS Code, Cursor and the inspector what each understands', async (t) => {
    const { put, berth } = place(t)
    const expenses = { ...servers.expenses, authorizerConfiguration: 'local' }
    put('berth.yaml', { mcpServers: { ...servers, expenses } })
    const [vscode, vscodeFile, cursor, inspector, none] = await Promise.all([
      berth(['client-config', 'vscode']),
      berth(['client-config', 'vscode', '--json']),
      berth(['client-config', 'cursor']),
      berth(['client-config', 'inspector']),
      berth(['client-config', 'inspector', '--json']),
    ])
    const [, quoted = ''] = /^code --add-mcp '(.*)'$/m.exec(vscode.stdout) ?? []
    assert.deepEqual(JSON.parse(quoted), { name: 'trip.planner', type: 'http', url: urls[0] })
    assert.deepEqual(JSON.parse(vscodeFile.stdout), {
      servers: {
        'trip.planner': { type: 'http', url: urls[0] },
        expenses: { type: 'http', url: urls[1] },
      },
    })
    assert.equal(
      cursor.stderr,
      'A client has to send a token with each request (Authorization: Bearer TOKEN) to: expenses\n.cursor/mcp.json:\n',
    )
    assert.deepEqual(JSON.parse(cursor.stdout), {
      mcpServers: { 'trip.planner': { url: urls[0] }, expenses: { url: urls[1] } },
    })
    assert.match(inspector.stdout, /^npx @modelcontextprotocol\/inspector --server-url http/)
    assert.equal(inspector.stdout.trimEnd().split('\n').length, 4)
    assert.deepEqual([none.code, none.stdout], [2, ''])
    assert.match(none.stderr, /There is no such file for inspector/)
  })

  it('prints what leads to a gateway that runs, and what other clients read', async (t) => {
    const { put, serve, berth, folder } = place(t)
    put('berth.yaml', { mcpServers: servers })
    const { url } = await serve([])
    const { stdout } = await berth(['client-config', 'claude-code', '--json', '--url', `${url}/`])
    const { mcpServers } = JSON.parse(stdout) as { mcpServers: Record<string, { url: string }> }
    for (const entry of Object.values(mcpServers)) {
      const { client } = await connectClient(t, entry.url)
      assert.equal((await client.listTools()).tools.length, 3)
    }
    // What it prints is itself a configuration in the form of other clients.
    const file = put('printed.json', stdout)
    const { servers: read } = loadConfig({ file, env: {}, cwd: folder, homeDir: folder })
    assert.deepEqual(
      read.map(({ launch }) => launch.shown),
      Object.values(mcpServers).map((entry) => entry.url),
    )
  })

  it('knows where clients reach Berth, or asks', async (t) => {
    const { put, berth } = place(t)
    const table: [listen: object, args: string[], found: RegExp][] = [
      [{ publicUrl: 'https://b.example/x' }, [], /https:\/\/b\.example\/x\/servers\/expenses\/mcp/],
      [{ host: '::1', port: 81 }, [], /http:\/\/\[::1\]:81\/servers\/expenses\/mcp/],
      [{ port: 0 }, [], /takes a free port \(listen\.port: 0\); say with --url which it took/],
      [{ port: 0 }, ['--url', 'nonsense'], /nonsense is not the URL/],
    ]
    await Promise.all(
      table.map(async ([listen, args, found], index) => {
        const file = put(`${index}.yaml`, { listen, mcpServers: servers })
        const { stdout, stderr } = await berth(['client-config', 'cursor', '-c', file, ...args])
        assert.match(stdout + stderr, found)
      }),
    )
    const near = await berth(['client-config', 'claude'])
    assert.match(near.stderr, /inspector\. Did you mean claude-code\?/)
    const { stdout } = await berth(['client-config', 'cursor', '--', 'node', 'server.js'])
    assert.deepEqual(JSON.parse(stdout), {
      mcpServers: { server: { url: 'http://127.0.0.1:8080/servers/server/mcp' } },
    })
    for (const args of [[], ['emacs']]) {
      const { code, stderr } = await berth(['client-config', ...args])
      assert.equal(code, 2)
      assert.match(stderr, /For which client\? There are claude-code, vscode, cursor, inspector\./)
    }
  })
})
