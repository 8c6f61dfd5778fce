import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'

import { adminToken } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/echo.js')]
const gateway = await startTestGateway({ after }, { echo: { command, http: true } })

/** What a socket answers to these lines; the connection is closed by the other side. */
async function answer(url: string, lines: string[]): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.end([...lines, 'Connection: close', '', ''].join('\r\n'))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

const { host } = new URL(gateway.url)
const pairs: [string, string[]][] = [
  ['the right one first', [`Host: ${host}`, 'Host: evil.example']],
  ['the right one last', ['Host: evil.example', `Host: ${host}`]],
  ['twice the same', [`Host: ${host}`, `hOST: ${host}`]],
  ['an empty one', [`Host: ${host}`, 'Host:']],
]

for (const [name, hosts] of pairs) {
  test(`more than one Host header is refused everywhere: ${name}`, async () => {
    for (const path of [
      ...['/servers/echo/mcp', '/healthz', '/readyz', '/nowhere'],
      ...['/.well-known/oauth-protected-resource/servers/echo/mcp', `http://${host}/mcp`],
    ]) {
      const said = await answer(gateway.url, [`GET ${path} HTTP/1.1`, ...hosts])
      assert.match(said, /^HTTP\/1\.1 400 /, path)
      assert.match(said, /more than one Host header/, path)
    }
    const token = `Authorization: Bearer ${adminToken(gateway)}`
    for (const path of ['/api/sessions', '/metrics', '/identity/jwks']) {
      const said = await answer(gateway.adminUrl, [`GET ${path} HTTP/1.1`, ...hosts, token])
      assert.match(said, /^HTTP\/1\.1 400 /, path)
    }
  })
}

test('one is enough, whatever else is called like it', async () => {
  const lines = [`Host: ${host}`, 'X-Host: evil.example', 'Hosts: evil.example']
  assert.match(await answer(gateway.url, ['GET /healthz HTTP/1.1', ...lines]), /^HTTP\/1\.1 200 /)
})
