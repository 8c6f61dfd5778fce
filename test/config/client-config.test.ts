import assert from 'node:assert/strict'
import test from 'node:test'

import { clientConfig } from '../../src/config/client-config.ts'

const options = {
  takesKey: () => false,
  baseUrl: 'http://127.0.0.1:8080/',
  servers: ['a.b', 'a-b'].map((name) => ({ name, protocol: 'mcp' as const })),
}
const ab = 'http://127.0.0.1:8080/servers/a.b/mcp'
const a_b = 'http://127.0.0.1:8080/servers/a-b/mcp'

test('Claude Code gets commands and .mcp.json, with names that it accepts', () => {
  assert.deepEqual(clientConfig('claude-code', options), {
    commands: [
      `claude mcp add --transport http a-b ${ab}`,
      `claude mcp add --transport http a-b-2 ${a_b}`,
    ],
    file: {
      path: '.mcp.json',
      content: {
        mcpServers: { 'a-b': { type: 'http', url: ab }, 'a-b-2': { type: 'http', url: a_b } },
      },
    },
  })
})

test('VS Code gets servers of type http', () => {
  const { commands, file } = clientConfig('vscode', options)
  assert.deepEqual(file, {
    path: '.vscode/mcp.json',
    content: { servers: { 'a.b': { type: 'http', url: ab }, 'a-b': { type: 'http', url: a_b } } },
  })
  assert.equal(commands[0], `code --add-mcp '{"name":"a.b","type":"http","url":"${ab}"}'`)
})

test('Cursor gets mcpServers with a url', () => {
  assert.deepEqual(clientConfig('cursor', options), {
    commands: [],
    file: {
      path: '.cursor/mcp.json',
      content: { mcpServers: { 'a.b': { url: ab }, 'a-b': { url: a_b } } },
    },
  })
})

test('the inspector gets a command for its page and one for the terminal', () => {
  const { commands, file } = clientConfig('inspector', {
    ...options,
    servers: [{ name: 'x', protocol: 'mcp' }],
  })
  const url = 'http://127.0.0.1:8080/servers/x/mcp'
  assert.deepEqual(commands, [
    `npx @modelcontextprotocol/inspector --server-url ${url} --transport http`,
    `npx @modelcontextprotocol/inspector --cli ${url} --transport http --method tools/list`,
  ])
  assert.equal(file, undefined)
})

test('an address that a shell would tear is quoted', () => {
  const { commands } = clientConfig('inspector', {
    ...options,
    baseUrl: "http://h/it's&",
    servers: [{ name: 'x', protocol: 'mcp' }],
  })
  assert.match(commands[0] ?? '', /--server-url 'http:\/\/h\/it'\\''s&\/servers\/x\/mcp' /)
})

test('a key comes from where each client keeps such things, and is in no file', () => {
  const keyed = { ...options, servers: options.servers.slice(0, 1), takesKey: () => true }
  const [claude, cursor, vscode] = (['claude-code', 'cursor', 'vscode'] as const).map((kind) =>
    JSON.stringify(clientConfig(kind, keyed).file?.content),
  )
  assert.match(claude ?? '', /"Authorization":"Bearer \$\{BERTH_API_KEY\}"/)
  assert.match(cursor ?? '', /"Authorization":"Bearer \$\{env:BERTH_API_KEY\}"/)
  assert.match(vscode ?? '', /"Authorization":"Bearer \$\{input:berth-api-key\}"/)
  assert.match(vscode ?? '', /"inputs":\[\{"type":"promptString","id":"berth-api-key"/)
  const [command] = clientConfig('claude-code', keyed).commands
  assert.match(command ?? '', /--header 'Authorization: Bearer \$\{BERTH_API_KEY\}'$/)
})

test('a bundle is one entry, at its own path', () => {
  const servers = [{ name: 'team', protocol: 'mcp' as const, isBundle: true }]
  assert.deepEqual(clientConfig('cursor', { ...options, servers }).file?.content, {
    mcpServers: { team: { url: 'http://127.0.0.1:8080/bundles/team/mcp' } },
  })
})
