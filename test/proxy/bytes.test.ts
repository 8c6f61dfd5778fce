import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/echo.js')]
const gateway = await startTestGateway(
  { after },
  { direct: { command, http: true }, relayed: { command, http: true, relay: true } },
)

const call = (args: string, tail = ''): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"body","arguments":${args}}${tail}}`

const bodies = {
  'numbers above 2^53': call('{"n":9007199254740993,"m":1e400,"z":-0,"f":1.10}'),
  'characters of all planes, escaped and not': call(
    '{"s":"\\u00e9 é \\ud83d\\ude00 😀 \\u2028 \\/"}',
  ),
  'white space': ` \r\n\t{ "jsonrpc" : "2.0" ,\n "id":1, "method":"tools/call" , "params":{"name":"body"} }\n\n`,
  'keys that come twice': call('{"a":1,"a":2,"__proto__":{"x":1}}'),
  'unknown members': call('{}', ',"_meta":{"io.example/x":[null,true]}'),
  'three megabytes': call(`{"text":"${'ü€'.repeat(600_000)}"}`),
  'three megabytes before the method': `{"params":{"arguments":{"text":"${'y'.repeat(3_000_000)}"},"name":"body"},"id":1,"method":"tools/call","jsonrpc":"2.0"}`,
  'three megabytes and the id at the end': `{"method":"tools/call","params":{"name":"body","arguments":{"text":"${'z'.repeat(3_000_000)}","id":7}},"jsonrpc":"2.0","id":1}`,
}

const sessions = {
  direct: await openRaw(gateway.mcp('direct')),
  relayed: await openRaw(gateway.mcp('relayed')),
}

for (const [server, session] of Object.entries(sessions)) {
  for (const [name, body] of Object.entries(bodies)) {
    test(`a body reaches the worker to the byte (${server}): ${name}`, async () => {
      const answer = await session.post(body)
      const { id, result } = await answer.json()
      assert.equal(id, 1)
      const { base64 } = result as { base64: string }
      // Not by assert.equal, which would print megabytes.
      assert.ok(Buffer.from(base64, 'base64').toString() === body)
    })
  }

  test(`an answer reaches the client to the byte (${server})`, async () => {
    const text = 'ü€😀\u2028'.repeat(200_000)
    const { base64 } = await session.ask<{ base64: string }>('body', { text })
    assert.ok(Buffer.from(base64, 'base64').toString().includes(text))
  })
}

test('every exchange of these has ended', () => {
  assert.equal(
    gateway.seen('exchange.ended').filter(({ outcome }) => outcome === 'answered').length,
    gateway.seen('exchange.started').length,
  )
})

test('a worker sees no trace of browsers, proxies and credentials', async () => {
  const session = await openRaw(gateway.mcp('direct'))
  const answer = await rawRequest(session.url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-session-id': session.id,
      'mcp-protocol-version': '2025-11-25',
      'accept-encoding': 'gzip, br',
      'x-custom': 'kept',
      'x-berth-nonce': 'forged',
      'mcp-param-x': 'kept too',
      authorization: 'Bearer secret',
      'proxy-authorization': 'Basic secret',
      dpop: 'secret',
      cookie: 'a=secret',
      origin: 'http://localhost:1',
      te: 'trailers',
      expect: '100-continue',
      connection: 'keep-alive, x-hop',
      'x-hop': 'for the gateway alone',
    },
    body: {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'headers', arguments: {} },
    },
  })
  const { result } = await answer.json()
  const { headers } = result as { headers: Record<string, string> }
  assert.match(headers['host'] ?? '', /^localhost:\d+$/)
  assert.equal(headers['accept-encoding'], 'identity')
  assert.equal(headers['accept'], 'application/json, text/event-stream')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['mcp-session-id'], 'own-id-of-the-worker')
  assert.equal(headers['mcp-protocol-version'], '2025-11-25')
  assert.equal(headers['x-custom'], 'kept')
  assert.equal(headers['mcp-param-x'], 'kept too')
  assert.match(headers['content-length'] ?? '', /^\d+$/)
  for (const name of ['origin', 'authorization', 'proxy-authorization', 'cookie', 'dpop', 'te']) {
    assert.equal(headers[name], undefined, name)
  }
  for (const name of ['expect', 'x-berth-nonce', 'x-hop', 'transfer-encoding']) {
    assert.equal(headers[name], undefined, name)
  }
  assert.doesNotMatch(JSON.stringify(headers), /secret/)
})
