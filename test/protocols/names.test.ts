import assert from 'node:assert/strict'
import { test } from 'node:test'

import { listLength, namesIn, withoutNames } from '../../src/protocols/names.ts'

const of = (body: unknown) =>
  namesIn(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const call = (params: unknown, method = 'tools/call') => ({ jsonrpc: '2.0', id: 1, method, params })

test('what a message asks for by name is found, in batches and notifications too', () => {
  assert.deepEqual(of(call({ name: 'a', task: { ttl: 1 } })), [{ kind: 'tools', name: 'a' }])
  for (const method of ['resources/read', 'resources/subscribe', 'resources/unsubscribe']) {
    assert.deepEqual(of(call({ uri: 'x:y' }, method)), [{ kind: 'resources', name: 'x:y' }])
  }
  const refs = [
    { type: 'ref/prompt', name: 'p' },
    { type: 'ref/resource', uri: 'x:{y}' },
  ]
  const batch = [
    call({ name: 'p' }, 'prompts/get'),
    { method: 'tools/call', params: { name: 'silent' } },
    ...refs.map((ref) => call({ ref, argument: { name: 'q', value: '' } }, 'completion/complete')),
    call({}, 'tasks/result'),
  ]
  assert.deepEqual(
    of(batch)?.map(({ kind, name }) => `${kind} ${name}`),
    [...['prompts p', 'tools silent', 'prompts p', 'resources x:{y}']],
  )
})

test('params that hold no name ask for one that nobody has', () => {
  const none = [{ kind: 'tools', name: undefined }]
  for (const params of [['a'], 'a', 1, null, {}, { name: ['a'] }, { name: 1 }, undefined]) {
    assert.deepEqual(of(call(params)), none, JSON.stringify(params))
  }
})

test('escapes are read as parsers read them, and a long message as a short one', () => {
  const escaped = '{"m\\u0065thod":"tools\\/call","params":{"n\\u0061me":"\\u0072m"}}'
  assert.deepEqual(of(escaped), [{ kind: 'tools', name: 'rm' }])
  const long = call({ arguments: { name: 'x', text: 'y'.repeat(200_000) }, name: 'rm' })
  assert.deepEqual(of(long), [{ kind: 'tools', name: 'rm' }])
})

test('what parsers would not agree on is refused', () => {
  const params = ['"name":"a","name":"b"', '"name":"a","n\\u0061me":"b"', '"name":"a","Name":"b"']
  for (const twice of params)
    assert.equal(of(`{"method":"tools/call","params":{${twice}}}`), undefined)
  assert.equal(of('{"method":"ping","method":"tools/call","params":{"name":"a"}}'), undefined)
  assert.equal(of('{"method":"tools/call","params":{},"param\u017f":{"name":"b"}}'), undefined)
  // What a tool is given is its own affair.
  assert.equal(
    of('{"method":"tools/call","params":{"name":"a","arguments":{"name":1,"Name":2}}}')?.length,
    1,
  )
})

const without = (message: string) => withoutNames(message, (_kind, name) => !name.startsWith('no'))

test('a list comes without what is not allowed, and byte for byte where all of it is', () => {
  const exact = '{ "id":1, "result": {"tools":[{"name":"a","max":12345678901234567890}]} }'
  assert.equal(without(exact), exact)
  const page = { tools: [{ name: 'no' }, { name: 'a', inputSchema: {} }], nextCursor: 'c' }
  const told = without(JSON.stringify({ jsonrpc: '2.0', id: 1, result: page }))
  const left = { tools: [{ name: 'a', inputSchema: {} }], nextCursor: 'c' }
  assert.deepEqual(JSON.parse(told ?? ''), { jsonrpc: '2.0', id: 1, result: left })
})

test('no way of writing a list leads past it', () => {
  const rest = (message: string) => JSON.parse(without(message) ?? '') as unknown
  const none = (key: string) => ({ result: { [key]: [] } })
  assert.deepEqual(rest('{"result":{"t\\u006fols":[{"n\\u0061me":"n\\u006f"}]}}'), none('tools'))
  assert.deepEqual(rest('{"result":{"tools":[],"tools":[{"name":"no"}]}}'), none('tools'))
  assert.deepEqual(rest('\uFEFF{"result":{"prompts":[{"name":"no"}]}}'), none('prompts'))
  assert.deepEqual(rest('{"result":{"resources":[{"uri":"no:x"}]}}'), none('resources'))
  const templates = '{"result":{"resourceTemplates":[{"uriTemplate":"no:{x}"},{"name":"a"},null]}}'
  assert.deepEqual(rest(templates), none('resourceTemplates'))
  assert.deepEqual(rest('[{"result":{"tools":[{"name":"no"}]}},{"id":2,"result":{}}]'), [
    none('tools'),
    { id: 2, result: {} },
  ])
})

test('what is no UTF-8 or no JSON is not taken for what it might be', () => {
  const body = Buffer.from('{"method":"tools/call","params":{"name":"xx"}}')
  body.set([0xc1, 0xb3], body.indexOf('xx'))
  assert.equal(namesIn(body), undefined)
  assert.equal(without('{"result":{"tools":[{"name":"no","max":NaN}]}}'), undefined)
  const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
  assert.equal(without(`{"result":{"tools":[{"name":"no"},{"name":"a","b":${deep}}]}}`), undefined)
})

test('what holds no list is as it was, and a list without end is not looked into', () => {
  for (const other of [
    '',
    'no json',
    '"tools"',
    '{"result":{"content":[{"text":"\\"tools\\""}]}}',
  ]) {
    assert.equal(without(other), other)
  }
  assert.equal(without(`{"result":{"tools":[${' '.repeat(listLength)}]}}`), undefined)
  assert.equal(without(JSON.stringify({ result: { tools: Array(10_001).fill(1) } })), undefined)
})
