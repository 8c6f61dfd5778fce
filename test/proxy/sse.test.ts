import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SseEvent } from '../../src/proxy/sse.ts'
import { createSseReader } from '../../src/proxy/sse.ts'

const text = [
  ': a comment\n\n',
  'id: 1\nevent: message\ndata: {"a":\ndata: 1}\n\n',
  'data:no space\n\n',
  'id:2\ndata\n\n',
  'event: ping\n\n',
  'data: ü€😀\r\nid: 3\r\n\r\n',
  'retry: 10\nid: 4\ndata:\n\n',
].join('')
const expected: SseEvent[] = [
  { data: '{"a":\n1}', id: '1', isCut: false },
  { data: 'no space', id: undefined, isCut: false },
  { data: '', id: '2', isCut: false },
  { data: 'ü€😀', id: '3', isCut: false },
  { data: '', id: '4', isCut: false },
]

function readIn(pieces: Buffer[]) {
  const events: SseEvent[] = []
  const reader = createSseReader((event) => events.push(event))
  for (const piece of pieces) reader.push(piece.toString('latin1'))
  return { events, isAtBoundary: reader.atBoundary() }
}

test('events are the same, however the bytes are cut', () => {
  const bytes = Buffer.from(text)
  for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    assert.deepEqual(readIn(pieces), { events: expected, isAtBoundary: true }, `pieces of ${size}`)
  }
})

test('between two events there is a boundary, and nowhere else', () => {
  const reader = createSseReader(() => undefined)
  assert.equal(reader.atBoundary(), true)
  for (const [piece, isBoundary] of [
    ['data: 1', false],
    ['\n', false],
    ['\n', true],
    ['data: 2\n\ndata: 3', false],
    ['\r\n\r\n', true],
    [': comment\n', false],
    ['\n', true],
  ] as const) {
    reader.push(piece)
    assert.equal(reader.atBoundary(), isBoundary, JSON.stringify(piece))
  }
})

test('of an event of megabytes the ends are kept, and the next one is whole again', () => {
  const long = `{"start":"${'x'.repeat(3_000_000)}","end":1}`
  const bytes = Buffer.from(`id: 9\ndata: ${long}\n\ndata: next\n\n`)
  for (const size of [1000, 16_384, 70_000, bytes.length]) {
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    const { events, isAtBoundary } = readIn(pieces)
    const [first, second] = events
    assert.equal(isAtBoundary, true)
    assert.equal(first?.id, '9')
    assert.match(first.data, /^\{"start":"x+/)
    assert.match(first.data, /x+","end":1\}$/)
    if (size < bytes.length) assert.equal(first.isCut, true)
    if (size < bytes.length) assert.ok(first.data.length <= 80_000 + size)
    assert.deepEqual(second, { data: 'next', id: undefined, isCut: false })
  }
})

test('of a long event only the ends are kept, whether it is one line or many, in any pieces', () => {
  const line = `data: [${'x'.repeat(200_000)}]\n\n`
  const many = `${'data: y\n'.repeat(100_000)}data: end\n\n`
  for (const long of [line, many]) {
    for (const size of [1, 60_000, long.length]) {
      const pieces: Buffer[] = []
      const bytes = Buffer.from(long)
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
      const { events, isAtBoundary } = readIn(pieces)
      assert.deepEqual([events.length, isAtBoundary], [1, true])
      const [{ data, isCut } = { data: '', isCut: false }] = events
      assert.ok(isCut && data.length <= 65_536, `${data.length} characters`)
      assert.match(data, long === line ? /^\[x+\]$/ : /^y\ny[^]*\nend$/)
    }
  }
})
