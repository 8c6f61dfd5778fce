import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Pending } from '../../src/bundle/from-member.ts'
import { fromMember } from '../../src/bundle/from-member.ts'
import type { Peek } from '../../src/protocols/protocol.ts'
import { serverProtocols } from '../../src/protocols/protocols.ts'

const pending: Pending = {
  isAwaited: (server, id) => server === 'github' && id === 7,
  hasToken: (server, token) => server === 'github' && token === 'mine',
  shownUri: (server, uri) => (uri === 'file:///a' ? `berth:${server}:${uri}` : uri),
}

function passed(data: string, server = 'github') {
  const peek = serverProtocols.usual.readMessage(data, false) as Peek
  return fromMember(server, data, peek, pending)
}

test('an answer stays letter for letter', () => {
  const data = '{ "result": {"x": 1.0e2, "y":"\\u0041"}, "jsonrpc":"2.0" , "id" : 7}'
  assert.deepEqual(passed(data), { text: data })
})

test('an answer to what this server was not asked does not get through', () => {
  assert.ok('dropped' in passed('{"jsonrpc":"2.0","id":8,"result":{}}'))
  assert.ok('dropped' in passed('{"jsonrpc":"2.0","id":7,"result":{}}', 'time'))
})

test('a question gets an id that says whose it is, and nothing else changes', () => {
  const data =
    '{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"id: 1","_meta":{"progressToken":3}}}'
  const text =
    '{"jsonrpc":"2.0","id":"github:1","method":"elicitation/create","params":{"message":"id: 1","_meta":{"progressToken":"github:3"}}}'
  assert.deepEqual(passed(data), { text })
})

test('of a member that is there twice both are renamed, whichever is read', () => {
  const data = '{"jsonrpc":"2.0","id":1,"method":"ping","id":2}'
  const result = passed(data)
  assert.ok('text' in result)
  assert.doesNotMatch(result.text, /"id":[12]\b/)
})

test('progress gets through for the requests of this server alone', () => {
  const data = (token: string) =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"${token}","progress":1}}`
  assert.deepEqual(passed(data('mine')), { text: data('mine') })
  assert.ok('dropped' in passed(data('other')))
  assert.ok('dropped' in passed(data('mine'), 'time'))
})

test('tasks and URIs say whose they are', () => {
  const task = '{"jsonrpc":"2.0","id":7,"result":{"task":{"taskId":"t1","status":"working"}}}'
  assert.deepEqual(passed(task), { text: task.replace('"t1"', '"github:\\"t1\\""') })
  const news =
    '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}'
  assert.deepEqual(passed(news), { text: news.replace('file:', 'berth:github:file:') })
})
