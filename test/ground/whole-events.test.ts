import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createEventReader, createWholeEvents, eventText } from '../../src/ground/whole-events.ts'

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

test('what is looked into is read whichever line ends it has', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const lines = ['id: 1', 'event: message', 'data: {"a":', 'data: "ü€😀"}', '', ': hi', '']
    const more = ['id:2', 'data', '', 'event: ping', '', 'data:b', 'id: 3', 'id: 4', '', '']
    const bytes = Buffer.from([...lines, ...more].join(end))
    for (const size of [1, 3, bytes.length]) {
      const events: unknown[] = []
      const push = createEventReader((event) => events.push(event))
      for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size))
      assert.deepEqual(events, [
        { data: '{"a":\n"ü€😀"}', id: '1' },
        { data: '', id: '2' },
        { data: 'b', id: '4' },
      ])
    }
  }
})

test('what is written is read again, white space of every kind in it', () => {
  for (const [data, id] of [['{"a":\r1,\r\n"b":\n2}', '7'], ['{}'], ['', '8']] as const) {
    const events: unknown[] = []
    createEventReader((event) => events.push(event))(Buffer.from(eventText(data, id)))
    assert.deepEqual(events, [{ data: data.replaceAll(/\r\n?/g, '\n'), id }])
  }
})
