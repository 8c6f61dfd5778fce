import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { mcp } from '../../src/protocols/mcp.ts'
import { summarize } from '../../src/protocols/peek.ts'
import type { Peek, Posted } from '../../src/protocols/protocol.ts'

/** A text of JSON, letter by letter as it is or as an escape. */
const written = (text: string): fc.Arbitrary<string> =>
  fc
    .array(fc.nat(9), { minLength: text.length, maxLength: text.length })
    .map((how) =>
      Array.from(text, (letter, at) =>
        how[at] === 0 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter,
      ).join(''),
    )
    .map((inside) => `"${inside}"`)

const methods = [
  'initialize',
  'tools/call',
  'notifications/progress',
  'notifications/cancelled',
  'x',
]
const keys = ['id', 'method', 'jsonrpc', 'params', 'result', 'error', 'ID', 'meth', 'pad']
const scalar = fc.oneof(
  fc.constantFrom('null', 'true', '0', '-1', '7', '1.5', '1e3', '""', '"2.0"', '[]', '{}'),
  fc.constantFrom(...methods).chain(written),
)
const decoy = fc
  .array(fc.tuple(fc.constantFrom(...keys).chain(written), scalar), { maxLength: 3 })
  .map((pairs) => `{${pairs.map(([key, value]) => `${key}:${value}`).join(',')}}`)
const space = fc.constantFrom('', '', ' ', '\n', '\t ', '\r\n')
const member = fc
  .tuple(fc.constantFrom(...keys).chain(written), space, space, fc.oneof(scalar, decoy), space)
  .map(([key, a, b, value, c]) => `${key}${a}:${b}${value}${c}`)
const message = fc
  .tuple(fc.array(member, { minLength: 1, maxLength: 7 }), space)
  .map(([members, at]) => `{${at}${members.join(`,${at}`)}}`)
/** As most are written, with something behind it. */
const notification = fc
  .tuple(fc.constantFrom('', '"jsonrpc":"2.0",'), fc.constantFrom(...methods), fc.array(member))
  .map(([version, method, more]) => `{${[`${version}"method":"${method}"`, ...more].join(',')}}`)
/** As most results are, with something before or behind it. */
const result = fc
  .tuple(
    fc.constantFrom('0', '-7', '12', '"a"', '"\\u0061"', '01', '1e3'),
    fc.oneof(decoy, fc.constant('{"content":[]}')),
    fc.array(member, { maxLength: 2 }),
    fc.boolean(),
  )
  .map(([id, inside, more, isFirst]) =>
    isFirst
      ? `{${['"jsonrpc":"2.0"', `"id":${id}`, `"result":${inside}`, ...more].join(',')}}`
      : `{${[`"result":${inside}`, ...more, '"jsonrpc":"2.0"', `"id":${id}`].join(',')}}`,
  )
  .filter(isJson)

const long = `"pad":"${'x'.repeat(70_000)}"`
/** The same with something long in it: at its beginning, or at its end. */
const padded = (text: string): string[] => [
  text.replace('{', `{${long},`),
  text.replace(/\}$/, `,${long}}`),
]

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const expected = (text: string): Posted => {
  const peek = summarize(JSON.parse(text) as unknown)
  return peek.kind === 'invalid' ? { form: 'not-rpc' } : { form: 'message', messages: [peek] }
}

/** What decides about a message; the function in it is one of each. */
const said = (posted: Posted): unknown =>
  'messages' in posted ? posted.messages.map(plain) : posted.form
const plain = ({ kind, method, id, cancels, outcome, protocolVersion }: Peek): unknown => ({
  ...{ kind, method, id, cancels, outcome, protocolVersion },
})

test('a message is the same short and long, and the same as for JSON.parse', () => {
  fc.assert(
    fc.property(fc.oneof(message, notification), (text) => {
      const wanted = said(expected(text))
      for (const one of [text, ...padded(text)]) {
        assert.deepEqual(said(mcp.read(Buffer.from(one))), wanted, one.slice(0, 300))
      }
    }),
    { numRuns: 2000 },
  )
})

test('so is what a worker says in an event', () => {
  fc.assert(
    fc.property(fc.oneof(message, notification, result), (text) => {
      const wanted = plain(summarize(JSON.parse(text) as unknown))
      for (const one of [text, ...padded(text)]) {
        assert.deepEqual(plain(mcp.readMessage(one, false) as Peek), wanted, one.slice(0, 300))
      }
    }),
    { numRuns: 2000 },
  )
})

test('of what stands there twice the last counts, wherever and however it is written', () => {
  const filling = `"params":{"a":"${'x'.repeat(200_000)}"}`
  for (const [text, method, id] of [
    [`{"method":"ping","id":1,${filling},"method":"initialize"}`, 'initialize', 1],
    [`{"method":"ping","id":1,${filling},"m\\u0065thod":"initialize"}`, 'initialize', 1],
    [`{"\\u006dethod":"initialize","id":1,${filling},"method":"ping"}`, 'ping', 1],
    [`{"id":1,"method":"ping",${filling},"id":2}`, 'ping', 2],
    [`{"id":1,"method":"ping",${filling},"\\u0069d":"2"}`, 'ping', '2'],
    [`{"params":{"method":"x","id":3},"id":1,${filling},"method":"ping"}`, 'ping', 1],
  ] as const) {
    const posted = mcp.read(Buffer.from(text))
    const [peek] = 'messages' in posted ? posted.messages : []
    assert.deepEqual([peek?.kind, peek?.method, peek?.id], ['request', method, id])
  }
})
