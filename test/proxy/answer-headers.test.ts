import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'

import { commands, descriptions } from '../fixtures/workers/commands-browsers.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

/** Elsewhere: wants a token of its own, and says what it likes besides. */
const elsewhere = createServer((request, response) => {
  request.resume()
  response.writeHead(request.url === '/forbidden' ? 403 : 401, { ...commands, ...descriptions })
  response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Log in."}}')
})
elsewhere.listen(0, '127.0.0.1')
await once(elsewhere, 'listening')
after(() => void elsewhere.close())
const there = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
const worker = ['node', compiled('test/fixtures/workers/commands-browsers.js')] as [string, string]
const gateway = await startTestGateway(
  { after },
  {
    local: { command: worker, http: true },
    kept: { command: worker, http: true, relay: true },
    stateless: { command: worker, http: true, mode: 'stateless' },
    away: { url: `${there}/mcp` },
    forbidden: { url: `${there}/forbidden` },
  },
)

/** What the gateway says itself, or HTTP needs. */
const own = new Set([
  ...['content-type', 'content-length', 'transfer-encoding', 'date', 'connection', 'keep-alive'],
  ...['access-control-expose-headers', 'mcp-session-id', 'x-accel-buffering'],
  ...['x-amzn-requestid', 'x-amzn-bedrock-agentcore-runtime-session-id'],
])

function checkOf(headers: IncomingHttpHeaders, what: string): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name in descriptions || own.has(name)) continue
    assert.fail(`${what}: ${name}: ${String(value)}`)
  }
  for (const [name, value] of Object.entries(descriptions)) assert.equal(headers[name], value, what)
  assert.ok([undefined, 'no'].includes(headers['x-accel-buffering'] as string | undefined), what)
}

const call = (name: string): object => ({
  ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
  params: { name, arguments: {} },
})

for (const server of ['local', 'kept']) {
  test(`a worker describes its answers and commands nobody: ${server}`, async () => {
    const opened = await postRpc(gateway.mcp(server), initializeMessage())
    assert.equal(opened.status, 200, await opened.text())
    checkOf(opened.headers, 'initialize')
    const sessionId = String(opened.headers['mcp-session-id'])
    for (const tool of ['plain', 'stream', 'denies']) {
      const answer = await postRpc(gateway.mcp(server), call(tool), { sessionId })
      checkOf(answer.headers, tool)
      assert.match(await answer.text(), /result/)
    }
    const stream = await getStream(gateway.mcp(server), { sessionId })
    assert.equal(stream.status, 200)
    checkOf(stream.headers, 'GET')
    stream.abort()
    const gone = await rawRequest(gateway.mcp(server), {
      ...{ method: 'DELETE', headers: { 'mcp-session-id': sessionId } },
    })
    assert.equal(gone.headers['set-cookie'], undefined)
  })
}

test('nor does it below /runtimes/, or where no session is kept', async () => {
  const { url } = gateway.runtime('local')
  const opened = await postRpc(url, initializeMessage())
  assert.equal(opened.status, 200, await opened.text())
  checkOf(opened.headers, 'AgentCore')
  const answer = await postRpc(gateway.mcp('stateless'), call('plain'))
  assert.equal(answer.status, 200, await answer.text())
  checkOf(answer.headers, 'stateless')
})

test('the 401 of a server that is elsewhere keeps its challenge, and nothing else passes', async () => {
  const refused = await postRpc(gateway.mcp('away'), initializeMessage())
  assert.equal(refused.status, 401)
  const { 'www-authenticate': challenge, ...others } = refused.headers
  assert.equal(challenge, commands['www-authenticate'])
  checkOf(others, '401')
  const forbidden = await postRpc(gateway.mcp('forbidden'), initializeMessage())
  assert.equal(forbidden.status, 403)
  checkOf(forbidden.headers, '403')
})

test('the id that a client gets is the one of the gateway, and there is one', async () => {
  const session = await openRaw(gateway.mcp('local'))
  const answer = await session.call('plain')
  const ids = answer.rawHeaders.filter((name) => /^mcp-session-id$/i.test(name))
  assert.equal(ids.length, 1)
  assert.equal(answer.headers['mcp-session-id'], session.id)
})
