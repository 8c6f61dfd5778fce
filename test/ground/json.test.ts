import assert from 'node:assert/strict'
import { test } from 'node:test'

import { outlineJson, outlinedLength, parseJson, parsedLength } from '../../src/ground/json.ts'

const wanted = new Set(['id', 'method', 'params', 'result', '_meta', 'token'])
const outline = (text: string, maxSteps?: number): unknown => {
  const read = outlineJson(Buffer.from(text), {
    wanted,
    ...(maxSteps === undefined ? {} : { maxSteps }),
  })
  return read.ok ? read.value : read.why
}

test('an outline is what JSON.parse reads, without what is not wanted and what lies deep', () => {
  const texts: [string, unknown][] = [
    ['{"id":1,"method":"a","x":{"id":2}}', { id: 1, method: 'a' }],
    [' {\n"id" : "a\\"\\u0041é" , "params":{ "_meta":{"token":3,"more":[1]} } }\r\n', undefined],
    ['{"result":null}', undefined],
    ['{"result":[1,[2,"]"]],"id":-1.5e3}', { result: [], id: -1500 }],
    ['{"id":1,"params":{"x":"\\\\","y":"\\"}"},"id":2}', { id: 2, params: {} }],
    ['{"\\u0069d":7,"id":8,"i\\u0064":9}', { id: 9 }],
    ['[{"id":1},{"method":"b"},[{"id":3}],5]', [{ id: 1 }, { method: 'b' }, [], 5]],
    ['{}', {}],
    ['[]', []],
    ['"text"', 'text'],
    ['true', true],
  ]
  for (const [text, expected] of texts) {
    const whole = JSON.parse(text) as unknown
    const strip = (value: unknown): unknown =>
      typeof value !== 'object' || value === null || Array.isArray(value)
        ? value
        : Object.fromEntries(
            Object.entries(value)
              .filter(([name]) => wanted.has(name))
              .map(([name, member]) => [name, strip(member)]),
          )
    assert.deepEqual(outline(text), expected ?? strip(whole), text)
  }
  const name = JSON.parse('{"__proto__":{"id":1},"id":2}') as object
  assert.deepEqual(Object.keys(outline(JSON.stringify(name)) as object), ['id'])
})

test('what is not JSON in its upper levels is told', () => {
  for (const text of [
    ...['', '{', '{"id":1', '{"id":1}}', '{"id":1,}', '{"id" 1}', '{"id":01}', '{"id":x}'],
    ...['[1,]', '{"params":{"_meta":[}}', '{"x":"', '{"x":"\\"}', "{'id':1}", 'nul', '{} {}'],
    ...['['.repeat(1000), '{"a":'.repeat(1000), '"\\x"', '{"method":"\\q"}'],
  ]) {
    assert.equal(outline(text), 'not-json', text)
  }
})

test('however a text is made, what is done for it is bounded', () => {
  const many = 2_000_000
  const made: Record<string, string> = {
    lists: '['.repeat(many),
    objects: '{"a":'.repeat(many),
    closed: `{"x":${'['.repeat(many)}${']'.repeat(many)}}`,
    batch: `[${'{"method":"a"},'.repeat(many / 10)}1]`,
    names: `{${'"id":1,'.repeat(many / 10)}"id":1}`,
    strange: `{${'"x":1,'.repeat(many / 10)}"id":1}`,
    strings: `{"x":[${'"a",'.repeat(many)}1]}`,
    escapes: `{"x":"${'\\"'.repeat(many)}"}`,
    slashes: `{"x":"${'\\'.repeat(many)}"}`,
    spaces: ' '.repeat(many),
    digits: `{"id":${'1'.repeat(many)}}`,
  }
  for (const [how, text] of Object.entries(made)) {
    const found = outline(text, 100_000)
    assert.ok(found === 'too-much' || found === 'not-json', `${how}: ${JSON.stringify(found)}`)
  }
  // A long string is passed over, or cut, at next to no cost: most of what is long is that.
  const long = 'x'.repeat(many)
  assert.deepEqual(outline(`{"x":"${long}","id":1}`, 200_000), { id: 1 })
  const { id } = outline(`{"id":"${long}"}`, 200_000) as { id: string }
  assert.equal(id.length, outlinedLength + 1)
})

test('a batch has an end', () => {
  assert.equal(outline(`[${'1,'.repeat(1000)}1]`), 'too-much')
  assert.equal((outline(`[${'1,'.repeat(999)}1]`) as unknown[]).length, 1000)
})

test('what is too long is not parsed, and what is no JSON is told', () => {
  assert.deepEqual(parseJson('{"a":1}'), { ok: true, value: { a: 1 } })
  assert.deepEqual(parseJson('{"a"'), { ok: false, why: 'not-json' })
  assert.deepEqual(parseJson(' '.repeat(parsedLength + 1)), { ok: false, why: 'too-much' })
})
