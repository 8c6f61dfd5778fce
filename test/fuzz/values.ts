import type { Arbitrary } from 'fast-check'
import fc from 'fast-check'

/** Texts that have broken something somewhere. */
export const nastyText: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 12 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...['', ' ', '0', '-1', '1e400', 'null', 'undefined', 'true', '[object Object]', 'NaN'],
      ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'then', 'toJSON'],
      ...['\0', '\u0001', '\u007f', '\u0085', '\u009b31m', '\x1b[2J', '\x1b]0;x\x07', '\u2028'],
      ...['\ud800', '\udfff', '\u202e', '\u200b', '\ufeff', '\u00e9', '\u{1f6a2}', '\ufffd'],
      ...['\r\n', '\n\n', '\r', 'data: x\n\n', 'a\r\nX-Evil: 1', '../../etc/passwd', '/', '//'],
      ...['%', '%00', '%2e%2e', '${HOME}', '$(id)', '`id`', "'", '"', '\\', '{berth}', '*', '?'],
    ),
  },
)

const depths = fc.constantFrom(2, 60, 500, 20_000)

/** Nested as deep as that. */
const deep: Arbitrary<string> = fc
  .tuple(depths, fc.constantFrom('[]', '{}', '[', '{"a":'), fc.boolean())
  .map(([depth, marks, isWhole]) => {
    if (marks.startsWith('{')) return `${'{"a":'.repeat(depth)}1${isWhole ? '}'.repeat(depth) : ''}`
    return `${'['.repeat(depth)}${isWhole ? ']'.repeat(depth) : ''}`
  })

/** Texts of JSON values, and what nearly is one. */
export const jsonText: Arbitrary<string> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      ...['null', 'true', 'false', '0', '-0', '1', '-1', '1.5', '1e400', '-1e400', '1e-400'],
      ...['9007199254740993', '123456789012345678901234567890', '""', '"a"', '[]', '{}', '[[]]'],
      ...['{"a":1}', '{"a":1,"a":2}', '{"__proto__":{"x":1}}', '{"toString":1}', '{"length":-1}'],
      ...['"\\ud800"', '"\\u0000"', '"\\u202e"', '[null]', '{"":""}', '{"then":1}', '{"0":0}'],
      ...['01', '+1', '.5', '1.', 'NaN', 'Infinity', "'a'", '"a', '"\\x"', '[1,]', '{a:1}', ''],
    ),
  },
  { weight: 3, arbitrary: nastyText.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
)

const knownMembers: Record<string, readonly string[]> = {
  jsonrpc: ['"2.0"', '"1.0"', '2'],
  id: ['1', '"a"', '0', 'null', '"init"', '"@id@"', '@id@', '-1', '1.5'],
  method: [
    ...['"tools/call"', '"initialize"', '"ping"', '"notifications/progress"', '"roots/list"'],
    ...['"notifications/cancelled"', '"elicitation/create"', '"sampling/createMessage"'],
    ...['"notifications/initialized"', '"notifications/tools/list_changed"', '"tools/list"'],
  ],
  params: [
    ...['{"requestId":"@id@"}', '{"progressToken":"@id@","progress":1}', '{"mode":"url"}'],
    ...['{"protocolVersion":"2025-11-25","capabilities":{}}', '{"name":"x","arguments":{}}'],
    ...['{"_meta":{"progressToken":[]}}', '{"_meta":{"progressToken":1}}', '{"_meta":null}'],
    ...['{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}', '{"clientInfo":7}'],
    ...['{"clientInfo":{"name":"\\u001b[2J","version":{}}}', '{"requestId":{}}'],
  ],
  result: [
    ...['{}', '{"protocolVersion":"2025-11-25","capabilities":{}}', '{"protocolVersion":7}'],
    ...['{"content":[]}', '{"action":"accept"}', '{"action":{}}', '{"task":{"taskId":"t"}}'],
  ],
  error: ['{"code":-32601,"message":"no"}', 'null', '"no"', '{"code":"x"}', '[]'],
}
const memberNames = Object.keys(knownMembers)

const member: Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...memberNames) },
      { weight: 1, arbitrary: nastyText },
    ),
    fc.nat(),
    fc.nat(99),
    jsonText,
  )
  .map(([name, pick, luck, nasty]) => {
    const usual = Object.hasOwn(knownMembers, name) ? knownMembers[name] : undefined
    const value = usual === undefined || luck < 30 ? nasty : usual[pick % usual.length]!
    return `${JSON.stringify(name)}:${value}`
  })

const blank = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n', '  ')

/** Longer than what is looked at as a whole. */
const paddings = fc.oneof(
  { weight: 24, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(33_000, 70_000, 140_000) },
)

const object: Arbitrary<string> = fc
  .tuple(fc.array(member, { maxLength: 6 }), blank, blank, paddings, fc.nat(5))
  .map(([members, before, between, padding, at]) => {
    const all = [...members]
    if (padding > 0) all.splice(at, 0, `"padding":"${'x'.repeat(padding)}"`)
    return `${before}{${between}${all.join(`${between},`)}${between}}${before}`
  })

/** A message of JSON-RPC that is one, or nearly; `@id@` stands for the id of what it answers. */
export const messageText: Arbitrary<string> = fc.oneof(
  { weight: 30, arbitrary: object },
  { weight: 4, arbitrary: fc.array(object, { maxLength: 4 }).map((all) => `[${all.join(',')}]`) },
  { weight: 4, arbitrary: jsonText },
  {
    weight: 4,
    arbitrary: fc
      .tuple(object, fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([text, part]) => text.slice(0, Math.floor(text.length * part))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...memberNames), fc.constantFrom('1', '"a"'), nastyText)
      .map(([name, id, text]) => `{"jsonrpc":"2.0","id":${id},"${name}":${JSON.stringify(text)}}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        deep,
        fc.constantFrom('@', '{"jsonrpc":"2.0","id":@,"method":"ping"}', '{"id":1,"result":@}'),
      )
      .map(([text, around]) => around.replace('@', () => text)),
  },
)

/** Bytes, most of them of texts. */
export const nastyBytes: Arbitrary<Buffer> = fc.oneof(
  { weight: 3, arbitrary: messageText.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: nastyText.map((text) => Buffer.from(text, 'utf16le')) },
)

/** Values that no type of ours stands for. */
export const anyJson: Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: nastyText },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, 0, -0, 1, true, false, '', [], {}, [[]]) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(1e308, -1, 2 ** 53, 0.1, ['a'], { a: 'a' }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
)
