import assert from 'node:assert/strict'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'

import { loadConfig } from '../../src/config/load.ts'
import { leadsBack, loopNotes } from '../../src/config/own-address.ts'
import { folderOf, load, problemsOf } from './in-folder.ts'

const own = { url: 'http://localhost:8080/servers/own/mcp' }
const node = { command: 'node' }

test('the gateway is known by every name of this machine that leads to it', () => {
  const back: [url: string, host: string][] = [
    ['http://127.0.0.1:8080/mcp', '127.0.0.1'],
    ['http://localhost:8080/servers/x/mcp', '127.0.0.1'],
    ['HTTP://LOCALHOST.:8080', '::1'],
    ['http://x.localhost:8080', 'localhost'],
    ['http://0.0.0.0:8080', '127.0.0.1'],
    ['http://[::1]:8080', '[::1]'],
    ['http://[0:0:0:0:0:0:0:1]:8080', '::1'],
    ['http://[::ffff:127.0.0.1]:8080', '127.0.0.1'],
    ['http://127.0.0.9:8080', '0.0.0.0'],
    [`http://${os.hostname()}:8080`, '::'],
  ]
  for (const [url, host] of back) assert.ok(leadsBack(url, { host, port: 8080 }), `${url} ${host}`)
  const elsewhere: [url: string, host: string][] = [
    ['http://127.0.0.1:8081/mcp', '127.0.0.1'],
    ['https://127.0.0.1:8080/mcp', '127.0.0.1'],
    ['http://[::1]:8080/mcp', '127.0.0.1'],
    ['http://10.255.255.1:8080/mcp', '0.0.0.0'],
    ['http://example.com:8080/mcp', '127.0.0.1'],
    ['--port=8080', '127.0.0.1'],
  ]
  for (const [url, host] of elsewhere) assert.ok(!leadsBack(url, { host, port: 8080 }), url)
})

test('it is known by its public URL, too, with the path of it', () => {
  const address = { host: '127.0.0.1', port: 0, publicUrl: 'https://mcp.example.com/berth' }
  assert.ok(leadsBack('https://MCP.example.com:443/berth/servers/x/mcp', address))
  assert.ok(!leadsBack('https://mcp.example.com/other/mcp', address))
  assert.ok(!leadsBack('https://mcp.example.com/berthing/mcp', address))
})

test('a server that leads back is left out, and is an error where none else is there', (t) => {
  const { servers, warnings } = load(t, { mcpServers: { own, again: own, node } })
  assert.deepEqual(
    servers.map(({ name }) => name),
    ['node'],
  )
  assert.match(warnings.join('\n'), /The servers own and again are left out: the url leads back/)
  assert.match(problemsOf(t, { mcpServers: { own } })['mcpServers.own'] ?? '', /leads back/)
  const two = problemsOf(t, {
    listen: { port: 9 },
    mcpServers: { own: { url: 'http://127.0.0.1:9' } },
  })
  assert.match(two['mcpServers.own'] ?? '', /leads back/)
  const other = load(t, { listen: { port: 9 }, mcpServers: { own } })
  assert.equal(other.servers.length, 1)
})

test('a bridge to this gateway is warned of', (t) => {
  const args = ['-e', 'x', own.url]
  const { warnings } = load(t, { mcpServers: { bridge: { command: 'node', args } } })
  assert.match(warnings.join('\n'), /mcpServers\.bridge\.args\[2\] is the address of this gateway/)
})

test('a file for clients that is only found is passed over, whatever the port was', (t) => {
  for (const url of [own.url, 'http://127.0.0.1:45123/servers/own/mcp']) {
    const files = {
      '.mcp.json': JSON.stringify({ mcpServers: { own: { type: 'http', url } } }),
      '.vscode/mcp.json': JSON.stringify({ servers: { node } }),
    }
    const root = folderOf(t, files)
    const input = { cwd: root, homeDir: root, env: { PATH: process.env.PATH } }
    const config = loadConfig(input)
    assert.equal(config.file, path.join(root, '.vscode/mcp.json'))
    assert.match(config.clientNotes.join(), /^\.mcp\.json is a file for clients .* passed over\.$/)
  }
})

test('a port that is chosen at the start is compared then', (t) => {
  const { servers } = load(t, { listen: { port: 0 }, mcpServers: { own, node } })
  const address = { host: '127.0.0.1', publicUrl: undefined }
  assert.match(
    loopNotes(servers, address, 'http://127.0.0.1:8080').join(),
    /own leads back to this/,
  )
  assert.deepEqual(loopNotes(servers, address, 'http://127.0.0.1:8082'), [])
})
