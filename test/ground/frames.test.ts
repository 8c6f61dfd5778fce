import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  createAnswerReader,
  createRequestReader,
  writeAnswer,
  writeRequest,
} from '../../src/ground/frame-heads.ts'
import {
  createFrameReader,
  createFrameWriter,
  framePayloadAtMost,
  framePieceBytes,
  frames,
} from '../../src/ground/frames.ts'

type Read = [type: number, stream: number, payload: string]

function readerOf(isRight: (read: Read) => boolean = () => true) {
  const all: Read[] = []
  const reader = createFrameReader((type, stream, payload) => {
    const read: Read = [type, stream, payload.toString()]
    all.push(read)
    return isRight(read)
  })
  return { all, push: reader.push }
}

function written(add: (writer: ReturnType<typeof createFrameWriter>) => void): Buffer[] {
  const sent: Buffer[] = []
  let flush = (): void => undefined
  add(
    createFrameWriter(
      (bytes) => sent.push(bytes),
      (later) => (flush = later),
    ),
  )
  flush()
  return sent
}

const [some = Buffer.alloc(0)] = written(({ add }) => {
  add(frames.head, 1, '200', 'latin1')
  add(frames.data, 1, 'id: 1\ndata: ü ⚓ \ud800\n\n')
  add(frames.end, 1)
  add(frames.data, 0xffff_ffff, Buffer.from('bytes'))
})
const expected: Read[] = [
  [frames.head, 1, '200'],
  [frames.data, 1, 'id: 1\ndata: ü ⚓ \ufffd\n\n'],
  [frames.end, 1, ''],
  [frames.data, 0xffff_ffff, 'bytes'],
]

test('frames are the same wherever they are cut', () => {
  for (let at = 0; at <= some.length; at += 1) {
    const { all, push } = readerOf()
    // Who reads into one place all the time overwrites what was pushed.
    const first = Buffer.from(some.subarray(0, at))
    assert.ok(push(first))
    first.fill(0xee)
    assert.ok(push(some.subarray(at)))
    assert.deepEqual(all, expected, `cut at ${at}`)
  }
  const { all, push } = readerOf()
  for (const byte of some) assert.ok(push(Buffer.of(byte)))
  assert.deepEqual(all, expected)
})

test('a frame that is too long is not waited for', () => {
  for (const length of [framePayloadAtMost + 1, 0x7fff_ffff, 0xffff_ffff]) {
    const { all, push } = readerOf()
    const head = Buffer.alloc(9)
    head.writeUInt32BE(length)
    assert.ok(push(head.subarray(0, 8)))
    assert.ok(!push(head.subarray(8)))
    assert.ok(!push(some), 'nothing is read behind it')
    assert.deepEqual(all, [])
  }
})

test('nothing is read behind a frame that breaks a rule', () => {
  const { all, push } = readerOf(([type]) => type !== frames.end)
  assert.ok(!push(some))
  assert.equal(all.length, 3)
  assert.ok(!push(some))
  assert.equal(all.length, 3)
})

test('what is written in one turn is one piece, and the events of a stream in it one frame', () => {
  const sent = written(({ add }) => {
    for (let count = 0; count < 3; count += 1) add(frames.data, 7, `data: ${count}\n\n`)
    add(frames.data, 8, 'x'.repeat(framePieceBytes))
    add(frames.data, 8, 'y')
  })
  assert.equal(sent.length, 1)
  const { all, push } = readerOf()
  push(sent[0] ?? Buffer.alloc(0))
  assert.deepEqual(
    all.map(([, stream, { length }]) => [stream, length]),
    [
      [7, 27],
      [8, framePieceBytes],
      [8, 1],
    ],
  )
})

test('a request carries what the other side looks at, and nothing else', () => {
  const read = createRequestReader()
  const headers = {
    accept: 'application/json, text/event-stream',
    'mcp-session-id': '',
    'last-event-id': '0-1\nmcp-protocol-version: 1',
    cookie: 'secret',
  }
  for (const isWhole of [true, false]) {
    const written = writeRequest('POST', headers, Buffer.from('{"ü":1}'), isWhole)
    const opening = read(written ?? assert.fail())
    assert.deepEqual(opening?.request, {
      method: 'POST',
      headers: {
        accept: headers.accept,
        'mcp-session-id': '',
        'last-event-id': '0-1 mcp-protocol-version: 1',
      },
    })
    assert.equal(opening.isWhole, isWhole)
    assert.equal(opening.body.toString(), '{"ü":1}')
  }
  assert.equal(writeRequest('PUT', {}, undefined, true), undefined)
  for (const text of ['', '\x02', '\x01\0\0\0\x09POST', '\x01\0\0\0\x04POST', '\x01\0\0\0\0']) {
    assert.equal(createRequestReader()(Buffer.from(text, 'latin1')), undefined, text)
  }
})

test('the head of an answer is a status and headers, or it is none', () => {
  const read = createAnswerReader()
  const text = writeAnswer(200, {
    'content-type': 'text/event-stream',
    'content-length': 7,
    'mcp-session-id': 'a\r\nb: c',
  })
  for (const wrong of ['', '199', '1000', '2000', '200\nA: b', '200\n:', '200\nx', '200\nx:\r']) {
    assert.deepEqual(read(Buffer.from(text, 'latin1')), {
      statusCode: 200,
      headers: { 'content-type': 'text/event-stream', 'mcp-session-id': 'a  b: c' },
    })
    assert.equal(read(Buffer.from(wrong, 'latin1')), undefined, wrong)
    assert.equal(read(Buffer.from(wrong, 'latin1')), undefined, wrong)
  }
  assert.equal(read(Buffer.alloc(20_000, '200\nx:y')), undefined)
  assert.equal(read(Buffer.from(`200${'\nx:y'.repeat(40)}`)), undefined)
})
