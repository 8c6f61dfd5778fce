import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const echo = compiled('test/fixtures/workers/echo.js')
const gateway = await startTestGateway(
  { after },
  { echo: { command: ['node', echo], http: true } },
  { listen: { bodyLimitBytes: 10_000 } },
)
const url = gateway.mcp('echo')
const list = { jsonrpc: '2.0', id: 'l', method: 'tools/list' }

/** Status, JSON-RPC code and id of an answer that is an error. */
async function refusal(response: RawResponse): Promise<[number, number, unknown]> {
  const { id, error, jsonrpc } = await response.json()
  assert.equal(jsonrpc, '2.0')
  assert.match(response.headers['content-type'] ?? '', /^application\/json/)
  return [response.status, error?.code ?? 0, id]
}

test('a body that is no JSON gets 400, with a session and without', async () => {
  const session = await openRaw(url)
  for (const body of ['{"jsonrpc":', 'hello', '', '{"a":"\u0000']) {
    assert.deepEqual(await refusal(await postRpc(url, body)), [400, -32700, null], body)
    assert.deepEqual(await refusal(await session.post(body)), [400, -32700, null], body)
  }
})

test('who speaks a version that has no sessions is told which ones have', async () => {
  const session = await openRaw(url)
  const supported = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
  for (const method of ['POST', 'DELETE'] as const) {
    const answer = await postRpc(url, list, {
      method,
      headers: { 'mcp-protocol-version': '2026-07-28' },
    })
    const { error } = await answer.json()
    assert.deepEqual([answer.status, error?.code, error?.data], [400, -32000, { supported }])
    assert.ok(error?.message.includes(`(supported: ${supported.join(', ')})`), error?.message)
  }
  const known = { 'mcp-protocol-version': '2025-11-25' }
  const { error } = await (await postRpc(url, list, { headers: known })).json()
  assert.match(error?.message ?? '', /no Mcp-Session-Id/)
  assert.equal((await session.remove()).status, 200)
})

test('a POST without any body gets 400', async () => {
  const headers = { accept: 'application/json, text/event-stream' }
  const bare = await rawRequest(url, { method: 'POST', headers })
  assert.deepEqual(await refusal(bare), [400, -32700, null])
})

test('JSON that is no JSON-RPC gets 400', async () => {
  for (const body of [[], '"text"', '5', 'null', {}, { id: 5 }, [{ method: 'x' }, 5]]) {
    const answer = await postRpc(url, body)
    assert.deepEqual(await refusal(answer), [400, -32600, null], JSON.stringify(body))
  }
})

test('a body over the limit gets 413, and the limit is named', async () => {
  const answer = await postRpc(url, { ...list, params: { text: 'x'.repeat(11_000) } })
  assert.equal(answer.status, 413)
  const { error, id } = await answer.json()
  assert.equal(error?.code, -32600)
  assert.equal(id, null)
  assert.match(error.message, /10000 bytes/)
})

test('a body over the limit is refused even if it does not say how long it is', async () => {
  const headers = { 'transfer-encoding': 'chunked' }
  const answer = await postRpc(url, `"${'x'.repeat(11_000)}"`, { headers })
  assert.deepEqual(await refusal(answer), [413, -32600, null])
})

test('a client that leaves in the middle of its body is no fault of the gateway', async () => {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 1000\r\n\r\n{`,
  )
  await eventually(() => assert.equal(socket.bytesWritten > 100, true))
  socket.end()
  const failed = await gateway.saw('request.failed', ({ cause }) => /whole body/.test(cause))
  assert.deepEqual([failed.code, failed.statusCode], ['ERR_PROXY_BODY_CUT', 400])
  socket.destroy()
})

test('another content type than JSON gets 415', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense', undefined]) {
    const answer = await postRpc(url, list, { headers: { 'content-type': type } })
    assert.deepEqual(await refusal(answer), [415, -32600, null], type)
  }
})

test('a content type of JSON may have parameters', async () => {
  const type = 'Application/JSON; charset=utf-8'
  const answer = await postRpc(url, list, { headers: { 'content-type': type } })
  assert.deepEqual(await refusal(answer), [400, -32000, 'l'])
})

test('a POST that does not accept both types gets 406', async () => {
  for (const accept of ['application/json', 'text/event-stream', 'text/html', undefined]) {
    const answer = await postRpc(url, list, { headers: { accept } })
    assert.deepEqual(await refusal(answer), [406, -32000, null], accept)
  }
})

test('wildcards and weights in Accept are understood', async () => {
  for (const accept of [
    '*/*',
    'application/*, text/*;q=0.5',
    'TEXT/event-stream,application/json',
  ]) {
    const answer = await postRpc(url, list, { headers: { accept } })
    assert.deepEqual(await refusal(answer), [400, -32000, 'l'], accept)
  }
})

test('without an id nothing but initialize is taken, and nothing is started for it', async () => {
  const opened = gateway.seen('session.opened').length
  const discover = { jsonrpc: '2.0', id: 7, method: 'server/discover', params: {} }
  const notification = { jsonrpc: '2.0', method: 'notifications/initialized' }
  const response = { jsonrpc: '2.0', id: 9, result: {} }
  assert.deepEqual(await refusal(await postRpc(url, discover)), [400, -32000, 7])
  assert.deepEqual(await refusal(await postRpc(url, list)), [400, -32000, 'l'])
  assert.deepEqual(await refusal(await postRpc(url, notification)), [400, -32000, null])
  assert.deepEqual(await refusal(await postRpc(url, response)), [400, -32000, null])
  const started = { jsonrpc: '2.0', method: 'initialize', params: {} }
  assert.deepEqual(await refusal(await postRpc(url, started)), [400, -32000, null])
  assert.equal(gateway.seen('session.opened').length, opened)
})

test('a batch without an id is refused as a batch, initialize in it or not', async () => {
  const opened = gateway.seen('session.opened').length
  const one = await postRpc(url, [initializeMessage()])
  assert.deepEqual(await refusal(one), [400, -32000, 'init'])
  const several = await postRpc(url, [initializeMessage(), list])
  assert.equal(several.status, 400)
  const errors = await several.json<RpcMessage[]>()
  assert.deepEqual(
    errors.map(({ id, error }) => [id, error?.code]),
    [
      ['init', -32000],
      ['l', -32000],
    ],
  )
  assert.equal(gateway.seen('session.opened').length, opened)
})

test('a GET or DELETE without an id is told so', async () => {
  const get = await getStream(url)
  assert.equal(get.headers.allow, 'POST, GET, DELETE, OPTIONS')
  assert.deepEqual(await refusal(get), [405, -32000, null])
  const remove = await rawRequest(url, { method: 'DELETE' })
  assert.deepEqual(await refusal(remove), [400, -32000, null])
})

test('a GET that does not accept events gets 406', async () => {
  const session = await openRaw(url)
  const answer = await session.stream({ headers: { accept: 'application/json' } })
  assert.deepEqual(await refusal(answer), [406, -32000, null])
})

test('other methods get 405 and are told which there are', async () => {
  const session = await openRaw(url)
  for (const method of ['PUT', 'PATCH', 'HEAD', 'TRACE', 'PROPFIND']) {
    const answer = await rawRequest(url, { method, headers: { 'mcp-session-id': session.id } })
    assert.equal(answer.status, 405, method)
    assert.equal(answer.headers.allow, 'POST, GET, DELETE, OPTIONS', method)
    if (method !== 'HEAD') assert.deepEqual(await refusal(answer), [405, -32000, null])
  }
})

test('a refused request is news, with its code and no more of it', async () => {
  await postRpc(url, 'my password is 1234')
  const { code, statusCode, cause } = gateway.seen('request.failed').at(-1)!
  assert.deepEqual([code, statusCode], ['ERR_PROXY_NOT_JSON', 400])
  assert.doesNotMatch(cause, /1234/)
})
