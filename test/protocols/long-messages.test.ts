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

test('what cannot be looked through in time is refused from a client and passed over from a worker', () => {
  const megabytes = 4_000_000
  const made = {
    lists: '['.repeat(megabytes),
    batch: `[${'{"method":"a"},'.repeat(megabytes / 15)}{"method":"a"}]`,
    names: `{${'"id":1,'.repeat(megabytes / 7)}"method":"a"}`,
  }
  for (const text of Object.values(made)) {
    const { form } = mcp.read(Buffer.from(text))
    assert.ok(form === 'too-much' || form === 'not-json', form)
    const message = mcp.readMessage(text, false) as Peek
    assert.equal(message.kind, 'invalid')
  }
  // What only looks as if it were hard is a message like any other.
  const deep = { open: '['.repeat(30_000), close: ']'.repeat(30_000) }
  const names = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => `name ${n}`))
  for (const inner of [deep.open + deep.close, names]) {
    const text = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":${inner}}}`
    const [peek] = (mcp.read(Buffer.from(text)) as { messages: [Peek] }).messages
    assert.deepEqual([peek.kind, peek.method, peek.id], ['request', 'tools/call', 7])
  }
})

test('what is kept and told of a message is short, however long it is', () => {
  const name = 'n'.repeat(10_000)
  const params = { protocolVersion: name, clientInfo: { name, version: name } }
  for (const padding of [{}, { padding: long }]) {
    const request = { jsonrpc: '2.0', id: 1, method: 'initialize', params, ...padding }
    const { protocolVersion, client } = read(request)
    assert.deepEqual([protocolVersion?.length, client?.length], [100, 100])
    assert.equal(read({ ...padding, id: 1, method: name }).method?.length, 100)
    const result = { protocolVersion: name, action: name }
    const answer = read({ ...padding, id: 1, result })
    assert.deepEqual([answer.protocolVersion?.length, answer.outcome?.length], [100, 100])
    assert.equal(
      mcp.read(Buffer.from(JSON.stringify({ ...padding, id: name, method: 'a' }))).form,
      'not-rpc',
    )
  }
})
