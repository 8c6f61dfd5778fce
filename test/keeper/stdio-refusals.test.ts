import assert from 'node:assert/strict'
import test from 'node:test'

import { sessionId, startFace } from './face-rig.ts'
import type { Reply } from './face-rig.ts'

const both = 'application/json, text/event-stream'
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
const right = { 'mcp-session-id': sessionId }

interface Row {
  name: string
  method?: string
  headers: Record<string, string>
  body?: string | object
  status: number
  code: number
}

// prettier-ignore
const rows: Row[] = [
  { name: 'a body that is not JSON', headers: { accept: both, ...right }, body: '{"a":', status: 400, code: -32700 },
  { name: 'an empty body', headers: { accept: both, ...right }, body: '', status: 400, code: -32700 },
  { name: 'JSON that is no message', headers: { accept: both, ...right }, body: '{"a":1}', status: 400, code: -32600 },
  { name: 'a message that is not 2.0', headers: { accept: both, ...right }, body: { id: 1, method: 'ping' }, status: 400, code: -32600 },
  { name: 'a request with an object for an id', headers: { accept: both, ...right }, body: { ...ping, id: {} }, status: 400, code: -32600 },
  { name: 'a batch of 2025-11-25', headers: { accept: both, ...right }, body: [ping], status: 400, code: -32600 },
  { name: 'a POST that accepts JSON only', headers: { accept: 'application/json', ...right }, body: ping, status: 406, code: -32000 },
  { name: 'a POST that accepts events only', headers: { accept: 'text/event-stream', ...right }, body: ping, status: 406, code: -32000 },
  { name: 'a POST that names no types', headers: right, body: ping, status: 406, code: -32000 },
  { name: 'a GET that does not accept events', method: 'GET', headers: { accept: 'application/json', ...right }, status: 406, code: -32000 },
  { name: 'a POST without a session id', headers: { accept: both }, body: ping, status: 400, code: -32000 },
  { name: 'a POST with another session id', headers: { accept: both, 'mcp-session-id': 'x' }, body: ping, status: 404, code: -32001 },
  { name: 'a GET without a session id', method: 'GET', headers: { accept: both }, status: 400, code: -32000 },
  { name: 'a GET with another session id', method: 'GET', headers: { accept: both, 'mcp-session-id': 'x' }, status: 404, code: -32001 },
  { name: 'a DELETE without a session id', method: 'DELETE', headers: {}, status: 400, code: -32000 },
  { name: 'a DELETE with another session id', method: 'DELETE', headers: { 'mcp-session-id': 'x' }, status: 404, code: -32001 },
  { name: 'an unsupported version', headers: { accept: both, ...right, 'mcp-protocol-version': '2026-07-28' }, body: ping, status: 400, code: -32000 },
  { name: 'an unsupported version of a GET', method: 'GET', headers: { accept: both, ...right, 'mcp-protocol-version': 'x' }, status: 400, code: -32000 },
  { name: 'an unknown event id', method: 'GET', headers: { accept: both, ...right, 'last-event-id': 'zz-9' }, status: 400, code: -32000 },
  { name: 'a number that was not given out', method: 'GET', headers: { accept: both, ...right, 'last-event-id': '0-9' }, status: 400, code: -32000 },
  { name: 'no event id at all', method: 'GET', headers: { accept: both, ...right, 'last-event-id': '%' }, status: 400, code: -32000 },
  { name: 'another method', method: 'PUT', headers: right, status: 405, code: -32000 },
]

async function assertError(reply: Reply, status: number, code: number): Promise<void> {
  assert.equal(reply.status, status)
  assert.equal(reply.headers['content-type'], 'application/json')
  assert.equal(reply.headers['mcp-session-id'], sessionId)
  const { error } = JSON.parse(await reply.text()) as { error: { code: number } }
  assert.equal(error.code, code)
}

for (const { name, method = 'POST', headers, body, status, code } of rows) {
  test(`${name} is answered ${status} ${code}, and the server hears nothing`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize()
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    await assertError(await rig.send(method, headers, text), status, code)
    assert.deepEqual(rig.lines, [])
  })
}

for (const accept of ['*/*', 'application/*, text/*;q=0.5', 'TEXT/event-stream,application/json']) {
  test(`a POST that accepts ${accept} is served`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize()
    const note = { jsonrpc: '2.0', method: 'notifications/initialized' }
    assert.equal((await rig.post(note, { accept })).status, 202)
  })
}

test('who speaks another version is told which there are', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const headers = { accept: both, ...right, 'mcp-protocol-version': '2026-07-28' }
  const reply = await rig.send('POST', headers, JSON.stringify(ping))
  const { error } = JSON.parse(await reply.text()) as {
    error: { message: string; data: { supported: string[] } }
  }
  const supported = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
  assert.deepEqual(error.data, { supported })
  assert.ok(error.message.includes(`(supported: ${supported.join(', ')})`), error.message)
})

for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
  test(`version ${version} is served`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize()
    const note = { jsonrpc: '2.0', method: 'notifications/initialized' }
    assert.equal((await rig.post(note, { 'mcp-protocol-version': version })).status, 202)
  })
}

test('a version that the server has named itself is served, whatever it is', async (t) => {
  const rig = await startFace(t)
  rig.onLine = () => rig.say({ id: 0, result: { protocolVersion: '2024-10-07' } })
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: {} })
  await rig.send('POST', { accept: both }, body)
  const note = { jsonrpc: '2.0', method: 'notifications/initialized' }
  const answered = await rig.post(note, { 'mcp-protocol-version': '2024-10-07' })
  assert.equal(answered.status, 202)
})

test('initialize needs no session id, and a second one is forwarded', async (t) => {
  const rig = await startFace(t)
  rig.onLine = () => rig.say({ id: 0, result: { protocolVersion: '2025-06-18' } })
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: {} })
  for (const count of [1, 2]) {
    const reply = await rig.send('POST', { accept: both }, body)
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['mcp-session-id'], sessionId)
    assert.equal(rig.lines.length, count)
  }
})

test('an id that is in use is refused, and is free again after its response', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const stream = await rig.open(1)
  await assertError(await rig.post(ping), 400, -32600)
  assert.equal(rig.lines.length, 1)
  rig.say({ id: 1, result: {} })
  await stream.rest()
  rig.onLine = () => rig.say({ id: 1, result: {} })
  assert.equal((await rig.post(ping)).status, 200)
})

test('a body of more than 64 MiB is answered 413', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const body = `"${'x'.repeat(64 * 1024 * 1024)}"`
  await assertError(await rig.post(body), 413, -32600)
})
