import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createParser } from '../../../src/proxy/wire/parser.ts'
import type { Reading } from '../../support/answers.ts'
import { cutAt, readByNode, readHere } from '../../support/answers.ts'

const ok = 'HTTP/1.1 200 OK\r\n'
const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`

interface Options {
  method?: string
  ends?: boolean
}

/** The same, whole and byte by byte. */
function read(text: string, { method = 'POST', ends = false }: Options = {}): Reading {
  const whole = readHere({ method, pieces: [Buffer.from(text, 'latin1')], ends })
  const bytes = readHere({
    method,
    ends,
    pieces: cutAt(
      text,
      Array.from(text, (_, at) => at),
    ),
  })
  assert.equal(bytes.state, whole.state)
  if (whole.state === 'complete') assert.deepEqual(bytes, whole)
  return whole
}

const taken: [string, string, Options, { statusCode?: number; headers?: object; body?: string }][] =
  [
    ['a length', `${ok}content-length: 5\r\n\r\nhello`, {}, { body: 'hello' }],
    ['no body', `${ok}content-length: 0\r\n\r\n`, {}, { body: '' }],
    ['chunks', `${chunked}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`, {}, { body: 'hello!' }],
    ['an extension', `${chunked}5;a=b;c="d e"\r\nhello\r\n00\r\n\r\n`, {}, { body: 'hello' }],
    ['capital digits', `${chunked}0A\r\n0123456789\r\n0\r\n\r\n`, {}, { body: '0123456789' }],
    ['trailers', `${chunked}1\r\nx\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n`, {}, { body: 'x' }],
    [
      'the end of the connection',
      `${ok}connection: close\r\n\r\nall`,
      { ends: true },
      { body: 'all' },
    ],
    ['HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\nall`, { ends: true }, { body: 'all' }],
    ['an answer to HEAD', `${ok}content-length: 5\r\n\r\n`, { method: 'HEAD' }, { body: '' }],
    ['204', 'HTTP/1.1 204 No\r\n\r\n', {}, { statusCode: 204 }],
    ['304', 'HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n', {}, { statusCode: 304, body: '' }],
    ['no reason', 'HTTP/1.1 202\r\ncontent-length: 0\r\n\r\n', {}, { statusCode: 202 }],
    [
      'what comes before it',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hint\r\nlink: </a>\r\n\r\n${ok}content-length: 1\r\n\r\nx`,
      {},
      { statusCode: 200, headers: { 'content-length': '1' }, body: 'x' },
    ],
    [
      'names in any case, values with blanks around them',
      `${ok}Content-Type: \t a/b \r\nX-Empty:\r\nMCP-Session-Id:x\r\nCONTENT-LENGTH:0\r\n\r\n`,
      {},
      {
        headers: {
          'content-type': 'a/b',
          'x-empty': '',
          'mcp-session-id': 'x',
          'content-length': '0',
        },
      },
    ],
    [
      'names that come twice',
      `${ok}x-a: 1\r\nx-a: 2\r\ncontent-type: a\r\ncontent-type: b\r\nset-cookie: c\r\nset-cookie: d\r\nset-cookie: e\r\ncontent-length: 0\r\n\r\n`,
      {},
      {
        headers: {
          'x-a': '1, 2',
          'content-type': 'a',
          'set-cookie': ['c', 'd', 'e'],
          'content-length': '0',
        },
      },
    ],
    [
      'names of what every object has, and bytes that are no ASCII',
      `${ok}__proto__: x\r\nconstructor: y\r\nconstructor: z\r\nx: \xc3\xa9\r\ncontent-length: 0\r\n\r\n`,
      {},
      { headers: { constructor: 'y, z', x: '\u00e9', 'content-length': '0' } },
    ],
  ]

for (const [what, text, options, expected] of taken) {
  test(`taken: ${what}`, () => {
    const reading = read(text, options)
    assert.ok(reading.state === 'complete', JSON.stringify(reading))
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(reading.answer[key as keyof typeof expected], value)
    }
    assert.equal(reading.behind, 0)
  })
}

const refused: [string, string][] = [
  ['another protocol', 'SSH-2.0-OpenSSH\r\n'],
  ['another protocol, before its line has ended', '\x15\x03\x01'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n'],
  ['a status below', 'HTTP/1.1 099 X\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 X\r\n'],
  ['a line before the first', `\r\n${ok}`],
  ['a line feed alone', 'HTTP/1.1 200 OK\n'],
  ['a line feed alone, further down', `${ok}a: b\n`],
  ['a carriage return alone', `${ok}a: b\rc: d\r\n`],
  ['a zero', `${ok}a: b\0\r\n`],
  ['a blank before the colon', `${ok}content-length : 5\r\n`],
  ['a line that goes on', `${ok}a: b\r\n c\r\n`],
  ['no name', `${ok}: b\r\n`],
  ['no colon', `${ok}a\r\n`],
  ['a name that is none', `${ok}a(b): c\r\n`],
  ['an unasked change of protocol', 'HTTP/1.1 101 Up\r\nupgrade: x\r\n\r\n'],
  ['a body before the answer', 'HTTP/1.1 103 X\r\ncontent-length: 2\r\n\r\n'],
  ['an end before the answer', 'HTTP/1.1 103 X\r\nconnection: close\r\n\r\n'],
  ['hints of HTTP/1.0', 'HTTP/1.0 103 X\r\n\r\n'],
  ['a length twice', `${ok}content-length: 5\r\ncontent-length: 5\r\n`],
  ['two lengths', `${ok}content-length: 5\r\ncontent-length: 6\r\n`],
  ['two lengths in one', `${ok}content-length: 5, 5\r\n`],
  ['a length with a sign', `${ok}content-length: +5\r\n`],
  ['a length with a tab', `${ok}content-length:\t5\r\n`],
  ['no length at all', `${ok}content-length: \r\n`],
  ['a length beyond numbers', `${ok}content-length: 9999999999999999\r\n`],
  ['a length and chunks', `${ok}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`],
  ['chunks and a length', `${ok}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n`],
  ['another encoding', `${ok}transfer-encoding: gzip, chunked\r\n`],
  ['chunks twice', `${ok}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n`],
  ['chunks of HTTP/1.0', `HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n`],
  ['a chunk without a length', `${chunked}\r\n`],
  ['a chunk with a sign', `${chunked}-1\r\n`],
  ['a chunk with 0x', `${chunked}0x5\r\n`],
  ['a chunk with a blank', `${chunked}5 \r\n`],
  ['a chunk beyond numbers', `${chunked}fffffffffffff\r\n`],
  ['a chunk that is longer than it says', `${chunked}5\r\nhello!\r\n`],
  ['a chunk that ends in a line feed', `${chunked}5\nhello`],
  ['a chunk whose data end in a line feed', `${chunked}5\r\nhello\n`],
  ['an extension that is none', `${chunked}5;;\r\nhello\r\n`],
  ['an extension without end', `${chunked}5;${'a'.repeat(1100)}`],
  ['a trailer that says a length', `${chunked}0\r\ncontent-length: 5\r\n\r\n`],
  ['a trailer that is none', `${chunked}0\r\nx y: z\r\n\r\n`],
  ['trailers without end', `${chunked}0\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(20)}`],
  ['a head without end', `${ok}${`x: ${'y'.repeat(1000)}\r\n`.repeat(140)}`],
  ['a line without end', `${ok}x: ${'y'.repeat(140_000)}`],
  ['lines without end', ok + 'a:b\r\n'.repeat(2001)],
  ['heads without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1001)],
]

for (const [what, text] of refused) {
  test(`refused as soon as it is seen: ${what}`, () => {
    const pieces = text.length > 10_000 ? [Buffer.from(text, 'latin1')] : undefined
    const reading =
      pieces === undefined ? read(text) : readHere({ method: 'POST', pieces, ends: false })
    assert.equal(reading.state, 'refused')
  })
}

test('an answer that is cut is no answer', () => {
  for (const text of [
    '',
    'HTTP/1.1',
    ok,
    `${ok}content-length: 5\r\n\r\nhell`,
    `${chunked}0\r\n`,
  ]) {
    assert.equal(read(text, { ends: true }).state, 'refused', text)
    if (text !== '') assert.equal(read(text).state, 'waiting', text)
  }
})

test('what comes behind an answer is not part of it', () => {
  for (const text of [`${ok}content-length: 1\r\n\r\nx`, `${chunked}1\r\nx\r\n0\r\n\r\n`]) {
    const reading = read(`${text}HTTP/1.1 200 OK\r\n\r\n`)
    assert.ok(reading.state === 'complete')
    assert.equal(reading.answer.body, 'x')
    assert.equal(reading.behind, 19)
  }
})

test('llhttp takes some of what is refused: here the gateway is stricter on purpose', async () => {
  const stricter = [
    `\r\n${ok}content-length: 0\r\n\r\n`,
    'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n',
    `${ok}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    `${chunked}5;${'a'.repeat(1100)}\r\nhello\r\n0\r\n\r\n`,
  ]
  for (const text of stricter) {
    const brought = { method: 'POST', pieces: [Buffer.from(text, 'latin1')], ends: false }
    assert.equal(readHere(brought).state, 'refused', text)
    assert.equal((await readByNode(brought)).state, 'complete', text)
  }
})

test('chunks that came as one are passed on as one, and what came before a mistake is, too', () => {
  const told: string[] = []
  const parser = createParser({
    onHead: ({ statusCode }) => told.push(`${statusCode}`),
    onPart: (part) => told.push(part.toString('latin1')),
  })
  const push = (text: string): number => parser.push(Buffer.from(text, 'latin1'))
  parser.expect('POST')
  push(`${chunked}3\r\none\r\n3\r\ntwo\r\n5\r\nth`)
  push('ree\r\n4\r\nfour\r\n0\r\nx: y\r\n\r\n')
  assert.deepEqual(told.splice(0), ['200', 'onetwoth', 'reefour'])
  parser.expect('POST')
  assert.throws(() => push(`${chunked}3\r\none\r\n3\r\ntwo\r\nno`))
  assert.deepEqual(told, ['200', 'onetwo'])
})
