import assert from 'node:assert/strict'
import { test } from 'node:test'

import { mcp } from '../../src/protocols/mcp.ts'
import type { Peek } from '../../src/protocols/protocol.ts'

const long = 'x'.repeat(200_000)

/** Objects in the orders in which servers and clients of several languages write them. */
const requests: Record<string, object> = {
  'as the TypeScript SDK': { method: 'tools/call', params: { a: long }, jsonrpc: '2.0', id: 7 },
  'as the Python SDK': { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { a: long } },
  'method first, id next': { jsonrpc: '2.0', method: 'tools/call', id: 7, params: { a: long } },
  'in the order of the alphabet': {
    id: 7,
    jsonrpc: '2.0',
    method: 'tools/call',
    params: { a: long },
  },
  'params first': { params: { a: long }, method: 'tools/call', id: 7, jsonrpc: '2.0' },
}
const responses: Record<string, object> = {
  'as the TypeScript SDK': { result: { a: long }, jsonrpc: '2.0', id: 7 },
  'as the Python SDK': { jsonrpc: '2.0', id: 7, result: { a: long } },
  'in the order of the alphabet': { id: 7, jsonrpc: '2.0', result: { a: long } },
  'without a version': { id: 7, result: { a: long } },
  'id last': { jsonrpc: '2.0', result: { a: long }, id: 7 },
  'id before the version': { result: { a: long }, id: 7, jsonrpc: '2.0' },
}

const read = (value: object, indent?: number): Peek => {
  const posted = mcp.read(Buffer.from(JSON.stringify(value, null, indent)))
  assert.equal(posted.form, 'message')
  return (posted as { messages: [Peek] }).messages[0]
}
const readCut = (value: object, indent?: number): Peek => {
  const text = JSON.stringify(value, null, indent)
  return mcp.readMessage(text.slice(0, 32_768) + text.slice(-32_768), true) as Peek
}

for (const [order, request] of Object.entries(requests)) {
  test(`a long request is known for one: ${order}`, () => {
    for (const indent of [undefined, 2]) {
      const { kind, method, id } = read(request, indent)
      assert.deepEqual([kind, method, id], ['request', 'tools/call', 7])
    }
  })
}

for (const [order, response] of Object.entries(responses)) {
  test(`a long response is known for one, posted or in an event: ${order}`, () => {
    for (const indent of [undefined, 1]) {
      for (const { kind, id, outcome } of [read(response, indent), readCut(response, indent)]) {
        assert.deepEqual([kind, id, outcome], ['response', 7, 'answered'])
      }
    }
  })
}

test('an id within long params or a long result is not taken for the message’s own', () => {
  const notification = { jsonrpc: '2.0', method: 'notifications/x', params: { a: long, id: 3 } }
  assert.deepEqual([read(notification).kind, read(notification).id], ['notification', undefined])
  const request = { jsonrpc: '2.0', id: 'own', method: 'tools/call', params: { a: long, id: 3 } }
  assert.equal(read(request).id, 'own')
  const response = { jsonrpc: '2.0', id: 'own', result: { a: long, id: 3 } }
  assert.equal(readCut(response).id, 'own')
})

test('a long error is an error', () => {
  const response = { jsonrpc: '2.0', id: 7, error: { code: 1, message: long } }
  assert.equal(read(response).outcome, 'error')
  assert.equal(readCut(response).outcome, 'error')
})

test('ids may be texts with anything in them', () => {
  const id = 'a "quoted" \\ {id} é'
  for (const value of [
    { jsonrpc: '2.0', id, result: { a: long } },
    { result: { a: long }, jsonrpc: '2.0', id },
  ]) {
    assert.equal(read(value).id, id)
    assert.equal(readCut(value).id, id)
  }
})

test('a long batch is read message by message', () => {
  const batch = [
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { a: long } },
    { jsonrpc: '2.0', method: 'notifications/x' },
  ]
  const posted = mcp.read(Buffer.from(JSON.stringify(batch)))
  assert.equal(posted.form, 'batch')
  assert.deepEqual(
    (posted as { messages: Peek[] }).messages.map(({ kind }) => kind),
    ['request', 'notification'],
  )
})

test('what is long and no JSON is refused, unless only its ends could be JSON', () => {
  assert.equal(mcp.read(Buffer.from(long)).form, 'not-json')
  assert.equal(mcp.read(Buffer.from(`["${long}"]`)).form, 'not-rpc')
  assert.equal(mcp.read(Buffer.from(`{"hello":"${long}"}`)).form, 'not-rpc')
})

test('a long request with a question in it is not looked for in vain', () => {
  const question = {
    jsonrpc: '2.0',
    id: 3,
    method: 'elicitation/create',
    params: { message: long },
  }
  const { kind, method, id } = readCut(question)
  assert.deepEqual([kind, method, id], ['request', 'elicitation/create', 3])
})

test('what only looks like JSON is refused, and never thrown about', () => {
  for (const start of ['"id":007,', String.raw`"id":"\x",`, '"method":"a\u0000",', '"id":-,']) {
    const text = `{"jsonrpc":"2.0",${start}"method":"m","params":{"a":"${long}"}}`
    assert.equal(mcp.read(Buffer.from(text)).form, 'not-json', start)
    const cut = mcp.readMessage(text.slice(0, 32_768) + text.slice(-32_768), true)
    assert.equal((cut as Peek).kind, 'invalid', start)
  }
})
