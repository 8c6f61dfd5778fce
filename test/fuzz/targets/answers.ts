import { strict as assert } from 'node:assert'

import type { Arbitrary } from 'fast-check'
import fc from 'fast-check'

import type { Brought, Reading } from '../../support/answers.ts'
import { cutAt, readByNode, readHere } from '../../support/answers.ts'
import { tryBatches } from '../fuzz.ts'
import type { Target } from '../target.ts'
import { nastyText } from '../values.ts'

const statusLine = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      ...['HTTP/1.1 200 OK', 'HTTP/1.1 200 ', 'HTTP/1.1 202 Accepted', 'HTTP/1.0 200 OK'],
      ...['HTTP/1.1 404 Not Found', 'HTTP/1.1 500 \xe9', 'HTTP/1.1 204 No', 'HTTP/1.1 304 Same'],
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        'HTTP/1.1 200',
        'HTTP/1.1  200 OK',
        'HTTP/1.1 200\tOK',
        'HTTP/1.1 20 OK',
        ' HTTP/1.1 200',
      ],
      ...['http/1.1 200 OK', 'HTTP/1.2 200 OK', 'HTTP/2.0 200 OK', 'HTTP/11 200 OK', 'ICY 200 OK'],
      ...['HTTP/1.1 099 X', 'HTTP/1.1 999 X', 'HTTP/1.1 1000 X', 'HTTP/1.1 2x0 OK', '', 'HTTP/1.'],
      ...['HTTP/1.1 101 Up', 'HTTP/1.1 200 O\rK', 'HTTP/1.1 200 O\0K', 'GET / HTTP/1.1'],
    ),
  },
)

const header = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...['content-type: application/json', 'Content-Type:text/event-stream', 'date: now'],
      ...['mcp-session-id: a', 'set-cookie: a', 'set-cookie: b', 'x-a: 1', 'X-A: 2', 'x-empty:'],
      ...['connection: close', 'connection: keep-alive', 'keep-alive: timeout=5', 'x-b: \xc3\xa9'],
      ...['server: a', 'Server: b', 'x: \t a \t b \t ', 'constructor: x', '__proto__: x'],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...['content-length: 5', 'Content-Length: 5', 'content-length: 0', 'content-length: 05'],
      ...['content-length: 6', 'content-length: +5', 'content-length: 5 ', 'content-length: 5,5'],
      ...['content-length: 0x5', 'content-length: ', 'content-length: 99999999999999999999'],
      ...['content-length : 5', 'content-length: 5 5', 'content-length: -5', 'content_length: 5'],
      ...['transfer-encoding: chunked', 'Transfer-Encoding: Chunked', 'transfer-encoding: gzip'],
      ...['transfer-encoding: chunked, chunked', 'transfer-encoding: gzip, chunked'],
      ...['transfer-encoding: chunked, gzip', 'transfer-encoding: "chunked"'],
      ...['transfer-encoding: identity', 'transfer-encoding : chunked', 'transfer-encoding:'],
      ...['transfer-encoding:\tchunked\t', 'transfer-encoding: \x0bchunked', 'trailer: x'],
      ...['upgrade: h2c', 'connection: upgrade', 'connection: close, upgrade'],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...[
        'a',
        ': x',
        'a b: c',
        ' folded: x',
        '\tfolded',
        'a: b\r',
        'a: b\0',
        'a: b\x7f',
        'a\xe9: b',
      ],
      ...['a: b\nc: d', 'a:\rb', 'a(: b', '\0: b', 'a : b', 'a: b\r\n c'],
    ),
  },
  { weight: 1, arbitrary: nastyText.map((text) => `x: ${bytesOf(text)}`) },
)

const chunk = fc.tuple(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...[
          ';a',
          ';a=b',
          ';a="b c"',
          ';a;b=c',
          ' ;a',
          ';a b',
          ';',
          '; a',
          ';a="b',
          ';a=',
          ' ',
          '\t',
        ],
        ...[';a="\\""', ';a\0', '\r', ';=a', `;${'a'.repeat(900)}`, `;${'a'.repeat(1100)}`],
      ),
    },
  ),
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('hello', 'data: x\n\n', '\r\n', '0\r\n\r\n', 'x') },
    { weight: 1, arbitrary: nastyText.map(bytesOf) },
  ),
  fc.constantFrom('', '', '', '', '0', '000', 'A', 'ffffffffffff', 'g', '-', '0x', ' '),
)

const body = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('hello', 'hello!', '', 'hell', 'HTTP/1.1 200 OK\r\n\r\n'),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.array(chunk, { maxLength: 3 }),
        fc.constantFrom('0', '0', '0', '00', '0;a', '0 ', '-0', ''),
        fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom('\r\n\r\n') },
          {
            weight: 2,
            arbitrary: fc.constantFrom(
              ...['\r\nx: y\r\n\r\n', '\n\n', '\r\n', '\r\n\n', '\r\ncontent-length: 1\r\n\r\n'],
              ...['\r\nx y: z\r\n\r\n', '\r\n x\r\n\r\n', '\r\ntransfer-encoding: chunked\r\n\r\n'],
              ...[
                '\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
                '\r\n\r\nx',
                '\r\rX: y\r\n\r\n',
                '\r\nx:\0\r\n\r\n',
              ],
            ),
          },
        ),
      )
      .map(([chunks, last, end]) => {
        const all = chunks.map(([extension, data, before]) => {
          return `${before}${data.length.toString(16)}${extension}\r\n${data}\r\n`
        })
        return `${all.join('')}${last}${end}`
      }),
  },
)

const interim = fc.constantFrom(
  ...['', '', '', '', 'HTTP/1.1 103 Hint\r\nlink: x\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ...['HTTP/1.1 102 X\r\ncontent-length: 2\r\n\r\nab', '\r\n'],
)

/** One place that is changed. */
const mutation = fc.tuple(
  fc.nat(400),
  fc.constantFrom(0, 0, 1, 1, 2, 5),
  fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', ' ', '\t', '\0', ':', ';', '0', '5', '\x7f', '\xff', ''),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  ),
)

const brought: Arbitrary<Brought & { shown: string }> = fc
  .record({
    method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'GET', 'HEAD'),
    interim,
    statusLine,
    headers: fc.array(header, { maxLength: 4 }),
    framing: fc.constantFrom(
      ...['', 'transfer-encoding: chunked', 'transfer-encoding: chunked', 'content-length: 5'],
    ),
    body,
    mutations: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(mutation, { maxLength: 2 }) },
    ),
    cuts: fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: 5 })),
    ends: fc.boolean(),
  })
  .map(({ method, ends, cuts, ...made }) => {
    const { framing, mutations } = made
    const lines = framing === '' ? made.headers : [...made.headers, framing]
    let text = `${made.interim}${[made.statusLine, ...lines, '', ''].join('\r\n')}${made.body}`
    for (const [at, length, instead] of mutations) {
      const from = at % (text.length + 1)
      text = text.slice(0, from) + instead + text.slice(from + length)
    }
    return { method, ends, pieces: cutAt(text, cuts), shown: text }
  })

/** It is without a body whatever its head says (RFC 9112, 6.3); llhttp goes by the head. */
function isBodiless({ answer }: Reading & { state: 'complete' }): boolean {
  if (answer.statusCode !== 204 && answer.statusCode !== 304) return false
  return 'content-length' in answer.headers || 'transfer-encoding' in answer.headers
}

/**
 * Answers of workers, as the gateway's client for local workers reads them and as llhttp does: what
 * it takes llhttp takes too, and for the same. It may well refuse what llhttp takes.
 */
export const answers: Target = {
  name: 'answers',
  about: 'answers of a local worker, read by the gateway and by llhttp',
  share: 3000,
  async run(_t, cases) {
    await tryBatches('answers', cases, { made: brought, size: 250 }, async (batch) => {
      await Promise.all(
        batch.map(async (one) => {
          const here = readHere(one)
          const whole = readHere({ ...one, pieces: [Buffer.concat(one.pieces)] })
          assert.deepEqual(verdict(here), verdict(whole), `cut, of ${JSON.stringify(one.shown)}`)
          if (here.state !== 'complete' || isBodiless(here)) return
          const there = await readByNode(one)
          assert.deepEqual(there, { ...here, behind: 0 }, `of ${JSON.stringify(one.shown)}`)
        }),
      )
    })
  },
}

/** What is refused may be so at the first byte of it, or with the line. */
function verdict(reading: Reading): unknown {
  return reading.state === 'refused' ? reading.state : reading
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}
