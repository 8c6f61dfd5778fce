import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Tool } from '@modelcontextprotocol/sdk/types.js'

import { argumentsOf } from '../../src/client/arguments.ts'
import { fieldsOfTool, isSecret, valuesOf } from '../../src/client/fields.ts'

const inputSchema: Tool['inputSchema'] = {
  type: 'object',
  properties: {
    note: { type: 'string' },
    count: { type: 'integer', minimum: 1 },
    sure: { type: 'boolean' },
    kind: { type: 'string', enum: ['sea', 'city'] },
    tags: { type: 'array', items: { type: 'string' } },
    numbers: { type: 'array', items: { type: 'number' } },
    maybe: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    text: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    place: { type: 'object', properties: { x: { type: 'number' } } },
    color: { $ref: '#/$defs/Color' },
    any: {},
  },
  required: ['kind'],
  $defs: { Color: { type: 'string', enum: ['red', 'blue'] } },
}
const fields = fieldsOfTool({ name: 't', inputSchema })

test('values are read as the type that the tool wants', () => {
  const table: [string[], Record<string, unknown>][] = [
    [['note=42', 'count=42'], { note: '42', count: 42 }],
    [['note=a=b', 'sure=yes'], { note: 'a=b', sure: true }],
    [['tags=a,b'], { tags: ['a', 'b'] }],
    [['tags=a', 'tags=b c'], { tags: ['a', 'b c'] }],
    [['tags=["x,y"]'], { tags: ['x,y'] }],
    [['numbers=1,2.5'], { numbers: [1, 2.5] }],
    [['maybe=3', 'text=3'], { maybe: 3, text: '3' }],
    [['maybe=null'], { maybe: null }],
    [['place={"x": 1}'], { place: { x: 1 } }],
    [['color=red', 'any=[1]'], { color: 'red', any: [1] }],
    [['{"count": "as it is", "more": 1}'], { count: 'as it is', more: 1 }],
    [[], {}],
  ]
  for (const [words, args] of table) assert.deepEqual(argumentsOf(words, fields), args)
})

test('what does not fit is told with what would', () => {
  const table: [string[], RegExp][] = [
    [['count=many'], /^count: Give a whole number from 1 up\.$/],
    [['kind=se'], /^kind: Choose one of: sea, city\.$/],
    [['color=green'], /^color: Choose one of: red, blue\.$/],
    [['knd=sea'], /^There is no argument knd\. Did you mean kind\? It takes: kind, note, /],
    [['sea'], /^sea is no argument\. Write key=value, or one JSON object\.$/],
    [['note=a', 'note=b'], /^note: It is given twice\.$/],
    [['{"a"'], /^The arguments are not JSON: /],
    [['{}', 'a=1'], /not both/],
    [['maybe=x'], /^maybe: must be integer/],
  ]
  for (const [words, says] of table) {
    assert.throws(() => argumentsOf(words, fields), { name: 'Failure', message: says })
  }
})

test('few values are known for completion, those that have to be given come first', () => {
  assert.equal(Object.keys(fields.properties)[0], 'kind')
  const { color, sure, tags, kind } = fields.properties
  assert.deepEqual(
    [color, sure, tags, kind].map((schema) => valuesOf(schema ?? {})),
    [['red', 'blue'], ['true', 'false'], [], ['sea', 'city']],
  )
  assert.ok(isSecret({ type: 'string', format: 'password' }))
  assert.ok(isSecret({ writeOnly: true }) && !isSecret({ type: 'string' }))
})
