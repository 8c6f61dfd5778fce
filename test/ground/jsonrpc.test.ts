import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isFailure, isRpcId, kindOf } from '../../src/ground/jsonrpc.ts'

const parsed = (json: string): unknown => JSON.parse(json)
const deep = '['.repeat(20_000) + ']'.repeat(20_000)

test('only strings and finite numbers are ids', () => {
  for (const id of ['0', '-1', '1.5', '"a"', '""']) assert.ok(isRpcId(parsed(id)), id)
  for (const id of [
    '{}',
    '{"toString":0,"valueOf":0}',
    '[]',
    '[1]',
    deep,
    'true',
    'null',
    '1e400',
  ]) {
    assert.ok(!isRpcId(parsed(id)), id.slice(0, 20))
  }
})

test('a message with anything else as its id is none, whichever way it goes', () => {
  for (const id of ['{}', '{"toString":0,"valueOf":0}', '[]', deep, 'false', '1e400']) {
    for (const rest of ['"method":"ping"', '"result":{}', '"error":{"code":1,"message":""}']) {
      assert.equal(kindOf(parsed(`{"jsonrpc":"2.0","id":${id},${rest}}`)), 'invalid')
    }
  }
})

test('a response to what could not be read has no id, or null', () => {
  assert.equal(kindOf(parsed('{"id":null,"error":{"code":-32700,"message":""}}')), 'response')
  assert.equal(kindOf(parsed('{"error":{"code":-32700,"message":""}}')), 'response')
  assert.equal(kindOf(parsed('{"id":null,"method":"ping"}')), 'invalid')
})

test('an error that is null is none', () => {
  assert.equal(kindOf({ id: 1, result: {}, error: null }), 'response')
  assert.equal(kindOf({ id: 1, error: null }), 'invalid')
  assert.equal(isFailure({ error: null }), false)
  assert.equal(isFailure({ error: { code: 1, message: '' } }), true)
})
