import assert from 'node:assert/strict'
import test from 'node:test'

import { createSseCutter, withoutId } from '../../src/keeper/sse-parts.ts'
import type { SsePart } from '../../src/keeper/sse-parts.ts'

const parts = [
  ': comment\n\n',
  'event: message\ndata: {"x":1}\n\n',
  'event: message\r\ndata: a\r\ndata: b\r\n\r\n',
  'data: ü€😀\n\r\n',
  '\n',
  '\r\n',
  'id: 7\r\ndata:\r\n\r\n',
  'retry: 100\n\n',
  'data: x\nid:8\n\n',
]
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1')
const textOf = ({ bytes }: SsePart): string => Buffer.from(bytes, 'latin1').toString()

test('parts come out as they came in, wherever the bytes are cut', () => {
  const whole = bytesOf(`${parts.join('')}data: begun\n`)
  for (let size = 1; size <= whole.length; size += 1) {
    const cutter = createSseCutter()
    const found: SsePart[] = []
    for (let at = 0; at < whole.length; at += size) {
      found.push(...cutter.push(whole.slice(at, at + size)))
    }
    assert.deepEqual(found.map(textOf), parts, `cut after each ${size} bytes`)
    assert.equal(cutter.rest(), 'data: begun\n')
    assert.equal(cutter.isLost(), false)
  }
})

test('an event is told from what says nothing, and one with an id from one without', () => {
  const found = createSseCutter().push(bytesOf(parts.join('')))
  const events = found.filter(({ isEvent }) => isEvent).map(textOf)
  assert.deepEqual(events, [parts[1], parts[2], parts[3], parts[6], parts[8]])
  const given = found.filter(({ hasId }) => hasId)
  assert.deepEqual(given.map(textOf), [parts[6], parts[8]])
  assert.deepEqual(given.map(withoutId).map(textOf), ['data:\r\n\r\n', 'data: x\n\n'])
})

test('an event that comes in very many pieces is put together', () => {
  const cutter = createSseCutter()
  const piece = 'x'.repeat(65_536)
  assert.deepEqual(cutter.push('data: '), [])
  for (let n = 0; n < 200; n += 1) assert.deepEqual(cutter.push(piece), [])
  const [part] = cutter.push('\n\n')
  assert.equal(part?.bytes.length, 200 * 65_536 + 8)
})

test('lines that end in nothing but a carriage return are given up', () => {
  const cutter = createSseCutter()
  assert.deepEqual(cutter.push('data: x\r'), [])
  assert.equal(cutter.isLost(), false)
  assert.deepEqual(cutter.push('\rdata: y'), [])
  assert.equal(cutter.isLost(), true)
  assert.equal(cutter.rest(), 'data: x\r\rdata: y')
})
