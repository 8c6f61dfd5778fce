import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createWholeEvents } from '../../src/proxy/whole-events.ts'

function told(chunks: Iterable<string>, longest = 1000): string[] {
  const found: string[] = []
  const events = createWholeEvents({
    longest,
    onEvent: (lines) => found.push(`[${lines.join('|')}]`),
    onLong: (part) => found.push(part),
  })
  for (const chunk of chunks) events.push(chunk)
  events.end()
  return found
}

test('an event is one whichever line ends it has, and wherever it is cut', () => {
  const streams: [string, string][] = [
    ['\xef\xbb\xbf: hi\n\ndata: a\nid: 1\n\n\n\ndata:b\n\n', '[: hi][data: a|id: 1][data:b]'],
    ['data: a\r\ndata\r\n\r\ndata: b\r\n\r\n', '[data: a|data][data: b]'],
    ['data: a\r\rdata: b\r\r', '[data: a][data: b]'],
    ['data: a\n\r\n\rdata: b', '[data: a][data: b]'],
    ['\xef\xbbdata: a\n\n', '[\xef\xbbdata: a]'],
    ['\xef', '[\xef]'],
  ]
  for (const [stream, expected] of streams) {
    assert.equal(told([stream]).join(''), expected)
    assert.equal(told(stream).join(''), expected)
  }
})

test('what is too long comes as it is, and what follows is an event again', () => {
  const long = `id: 4\ndata: ${'x'.repeat(30)}\ndata: y\n\n`
  const stream = `data: a\n\n${long}data: b\n\n`
  assert.equal(told(stream, 20).join(''), `[data: a]${long}[data: b]`)
  const inPieces = [stream.slice(0, 9), stream.slice(9, 45), stream.slice(45)]
  assert.equal(told(inPieces, 20).join(''), `[data: a]${long}[data: b]`)
  assert.equal(told(long.replaceAll('\n', '\r\n'), 20).join(''), long)
  assert.equal(told(`data: ${'x'.repeat(30)}`, 20).join(''), `data: ${'x'.repeat(30)}`)
})
