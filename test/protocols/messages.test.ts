import assert from 'node:assert/strict'
import { test } from 'node:test'

import { mcp } from '../../src/protocols/mcp.ts'
import { nothing } from '../../src/protocols/peek.ts'
import type { Peek, Progress } from '../../src/protocols/protocol.ts'

const read = (message: object): Peek => mcp.readMessage(JSON.stringify(message), false) as Peek
const posted = (message: object): Peek =>
  (mcp.read(Buffer.from(JSON.stringify(message))) as { messages: [Peek] }).messages[0]

test('of a message no more is kept than routing and observation need', () => {
  const params = { requestId: 5, reason: 'secret' }
  assert.deepEqual(posted({ jsonrpc: '2.0', method: 'notifications/cancelled', params }), {
    ...nothing,
    kind: 'notification',
    method: 'notifications/cancelled',
    cancels: 5,
  })
})

test('the answer to a question says how it was answered', () => {
  const answers: [object, string][] = [
    [{ result: { action: 'accept', content: { a: 1 } } }, 'accept'],
    [{ result: { action: 'decline' } }, 'decline'],
    [{ result: { action: 'cancel' } }, 'cancel'],
    [{ result: { role: 'assistant' } }, 'answered'],
    [{ result: {} }, 'answered'],
    [{ error: { code: -1, message: 'no' } }, 'error'],
    [{ error: null, result: {} }, 'answered'],
    [{ result: {}, error: { code: -1, message: 'no' } }, 'error'],
  ]
  for (const [message, outcome] of answers) {
    assert.equal(posted({ jsonrpc: '2.0', id: 1, ...message }).outcome, outcome)
  }
})

test('progress is told with what it has', () => {
  const progress = (params: object): Progress | undefined => {
    const said = { jsonrpc: '2.0', method: 'notifications/progress', params }
    const other = { params: said.params, method: said.method, jsonrpc: '2.0' }
    assert.deepEqual(read(said).progress?.(), read(other).progress?.())
    return read(said).progress?.()
  }
  assert.deepEqual(progress({ progressToken: 1, progress: 2, total: 5, message: 'm' }), {
    progress: 2,
    total: 5,
    message: 'm',
  })
  assert.deepEqual(progress({ progressToken: 1, progress: 0.5 }), { progress: 0.5 })
  assert.deepEqual(progress({ progress: 'x', total: 'y', message: 5 }), { progress: 0 })
})

test('a server that calls its question off is understood', () => {
  const params = { requestId: 'q' }
  for (const message of [
    { jsonrpc: '2.0', method: 'notifications/cancelled', params },
    { method: 'notifications/cancelled', params, jsonrpc: '2.0' },
  ]) {
    assert.equal(read(message).cancels, 'q')
  }
})

test('initialize tells version and client, however odd they are', () => {
  const of = (params: object): unknown[] => {
    const { protocolVersion, client } = posted({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params,
    })
    return [protocolVersion, client]
  }
  const clientInfo = { name: 'c', version: '1.2' }
  assert.deepEqual(of({ protocolVersion: '2025-11-25', clientInfo }), ['2025-11-25', 'c 1.2'])
  assert.deepEqual(of({ protocolVersion: 7, clientInfo: 'text' }), [undefined, undefined])
  assert.equal(String(of({ clientInfo: { name: 'n'.repeat(500) } })[1]).length, 100)
})

test('ids of requests are texts and numbers; null is none', () => {
  assert.equal(posted({ jsonrpc: '2.0', id: 'a', method: 'm' }).kind, 'request')
  assert.equal(posted({ jsonrpc: '2.0', id: 0, method: 'm' }).kind, 'request')
  assert.equal(mcp.read(Buffer.from('{"id":null,"method":"m"}')).form, 'not-rpc')
})

test('what a worker says that is no message is no reason to fail', () => {
  for (const text of ['', 'x', '5', 'null', '[]', '{"method":5}', '{"id":1}', '[null]']) {
    const read = [mcp.readMessage(text, false)].flat()
    for (const { kind } of read) assert.equal(kind, 'invalid', text)
  }
})

test('a stream is known by its media type, whatever stands behind it', () => {
  for (const type of [
    'text/event-stream',
    'Text/Event-Stream; charset=utf-8',
    'text/event-stream ;a',
  ]) {
    assert.equal(mcp.isStream(type), true, type)
  }
  for (const type of [
    undefined,
    '',
    'application/json',
    'text/event-streams',
    'x/text/event-stream',
  ]) {
    assert.equal(mcp.isStream(type), false, type)
  }
})

test('a session is forgotten when the worker says so, and not for other complaints', () => {
  assert.equal(mcp.isForgotten(404, ''), true)
  const of400 = [
    'Bad Request: No valid session ID provided',
    '{"error":{"message":"Session not found"}}',
    'Bad Request: Server not initialized',
  ]
  for (const body of of400) assert.equal(mcp.isForgotten(400, body), true, body)
  const others = [
    'Invalid Request: Server already initialized',
    'Bad Request: Unsupported protocol version',
    'Parse error',
  ]
  for (const body of others) assert.equal(mcp.isForgotten(400, body), false, body)
  assert.equal(mcp.isForgotten(405, 'Session not found'), false)
})
