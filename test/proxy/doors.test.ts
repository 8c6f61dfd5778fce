import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import type { TestConfig, TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const echo: TestServer = {
  command: ['node', compiled('test/fixtures/workers/echo.js')],
  http: true,
}
const start = (servers: Record<string, TestServer>, overrides: TestConfig = {}) =>
  startTestGateway({ after }, servers, overrides)
const gateway = await start({ echo, spare: echo })
const url = gateway.mcp('echo')
const exposed = 'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate'

test('a Host that does not name the gateway gets 403, whatever the path', async () => {
  const opened = gateway.seen('session.opened').length
  for (const at of [url, `${gateway.url}/servers/none/mcp`, `${gateway.url}/nothing`]) {
    const answer = await postRpc(at, initializeMessage(), { headers: { host: 'evil.example' } })
    assert.equal(answer.status, 403, at)
    assert.equal((await answer.json()).error?.code, -32000)
  }
  assert.equal(gateway.seen('session.opened').length, opened)
})

test('loopback names are good Hosts, on any port', async () => {
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '[::1]:5']) {
    const answer = await getStream(url, { headers: { host } })
    assert.equal(answer.status, 405, host)
  }
})

test('an Origin that is not allowed gets 403 before authentication and the body', async () => {
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
    const answer = await postRpc(url, initializeMessage(), { headers: { origin } })
    assert.equal(answer.status, 403, origin)
    assert.equal((await answer.json()).error?.code, -32000)
    assert.equal(answer.headers['access-control-allow-origin'], undefined)
  }
})

test('pages of this machine may call, and may read the answer', async () => {
  const origin = 'http://localhost:5173'
  const answer = await postRpc(url, initializeMessage(), { headers: { origin } })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['access-control-allow-origin'], origin)
  assert.equal(answer.headers.vary, 'Origin')
  assert.equal(answer.headers['access-control-expose-headers'], exposed)
})

test('a listener that is open to others allows configured hosts and origins alone', async () => {
  const open = await start(
    { echo },
    {
      allowAnonymous: 'any-address',
      listen: {
        host: '0.0.0.0',
        publicUrl: 'https://mcp.example.com',
        allowedHosts: ['inner.example'],
        allowedOrigins: ['https://app.example.com'],
      },
    },
  )
  const ask = async (host: string, origin?: string): Promise<number> =>
    (await getStream(open.mcp('echo'), { headers: { host, origin } })).status
  assert.equal(await ask('mcp.example.com'), 405)
  assert.equal(await ask('inner.example:8080'), 405)
  assert.equal(await ask('example.com'), 403)
  assert.equal(await ask('inner.example', 'https://app.example.com'), 405)
  assert.equal(await ask('inner.example', 'https://mcp.example.com'), 405)
  assert.equal(await ask('inner.example', 'http://localhost:5173'), 403)

  const unknown = await postRpc(`${open.url}/servers/none/mcp`, initializeMessage())
  const { error } = await unknown.json()
  assert.equal(unknown.status, 404)
  assert.doesNotMatch(error?.message ?? '', /echo/)
})

test('an unknown server gets 404, and on loopback the ones that there are', async () => {
  const opened = gateway.seen('session.opened').length
  for (const method of ['POST', 'GET', 'DELETE']) {
    const answer = await rawRequest(`${gateway.url}/servers/none/mcp`, { method })
    assert.equal(answer.status, 404, method)
    assert.match((await answer.json()).error?.message ?? '', /no server none.*\/servers\/echo\/mcp/)
  }
  const noDefault = await postRpc(`${gateway.url}/mcp`, initializeMessage())
  assert.equal(noDefault.status, 404)
  assert.match((await noDefault.json()).error?.message ?? '', /\/servers\/spare\/mcp/)
  assert.equal(gateway.seen('session.opened').length, opened)
})

test('any other path gets 404 as JSON-RPC, readable by pages', async () => {
  for (const path of ['/', '/mcp/', '/servers/echo', '/servers/echo/mcp/x', '/api/sessions']) {
    const answer = await rawRequest(`${gateway.url}${path}`)
    assert.equal(answer.status, 404, path)
    assert.equal(answer.headers['access-control-expose-headers'], exposed)
    assert.equal((await answer.json()).error?.code, -32000)
  }
})

test('a default server is at /mcp too, and its sessions are the same', async () => {
  const one = await start({ echo: { ...echo, isDefault: true } })
  const session = await openRaw(`${one.url}/mcp`)
  const answer = await postRpc(
    one.mcp('echo'),
    { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    { sessionId: session.id },
  )
  assert.equal(answer.status, 200)
})

test('a server name may be long and may have escapes', async () => {
  const name = `a-${'b'.repeat(114)}`
  const one = await start({ [name]: echo, 'mit leer': echo })
  assert.equal((await getStream(one.mcp(name))).status, 405)
  assert.equal((await getStream(one.mcp('mit%20leer'))).status, 405)
})

test('OPTIONS is answered without any session, and says what a page may send and read', async () => {
  const origin = 'http://127.0.0.1:9'
  const headers = { origin, 'access-control-request-method': 'POST' }
  const answer = await rawRequest(url, { method: 'OPTIONS', headers })
  assert.equal(answer.status, 204)
  assert.equal(await answer.text(), '')
  assert.equal(answer.headers['access-control-allow-origin'], origin)
  assert.equal(answer.headers['access-control-expose-headers'], exposed)
  assert.match(answer.headers['access-control-allow-methods'] ?? '', /DELETE/)
  for (const name of ['Authorization', 'Mcp-Session-Id', 'MCP-Protocol-Version', 'Last-Event-ID']) {
    assert.match(answer.headers['access-control-allow-headers'] ?? '', new RegExp(name))
  }
  const foreign = await rawRequest(url, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.ex' },
  })
  assert.equal(foreign.status, 403)
})

test('what can be read is exposed on every reply', async () => {
  const session = await openRaw(url)
  const answers = [
    session.opened,
    await session.call('pid'),
    await session.call('stream'),
    await session.stream(),
    await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    await session.remove(),
    await session.call('pid'),
    await postRpc(url, 'no json'),
    await postRpc(url, '{}', { headers: { 'content-type': 'text/plain' } }),
    await rawRequest(url, { method: 'PUT' }),
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 202, 200, 404, 400, 415, 405],
  )
  for (const { headers } of answers) assert.equal(headers['access-control-expose-headers'], exposed)
})

test('health says nothing but that there is some', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const answer = await rawRequest(`${gateway.url}${path}`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { status: 'ok' })
  }
})
