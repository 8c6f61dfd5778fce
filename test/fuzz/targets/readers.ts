import { strict as assert } from 'node:assert'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

import type { Arbitrary } from 'fast-check'
import fc from 'fast-check'

import {
  createAnswerReader,
  createRequestReader,
  writeAnswer,
  writeRequest,
} from '../../../src/ground/frame-heads.ts'
import { createFrameReader, framePayloadAtMost } from '../../../src/ground/frames.ts'
import { idKey, isRpcId, kindOf } from '../../../src/ground/jsonrpc.ts'
import { hostsOf, routedTarget } from '../../../src/ground/request-target.ts'
import { createEventReader } from '../../../src/ground/whole-events.ts'
import type { WholeEvent } from '../../../src/ground/whole-events.ts'
import { createLineSplitter } from '../../../src/keeper/lines.ts'
import { readMessages } from '../../../src/keeper/messages.ts'
import { createSseCutter } from '../../../src/keeper/sse-parts.ts'
import { createFramingReader } from '../../../src/keeper/wrong-framing.ts'
import { mcp } from '../../../src/protocols/mcp.ts'
import { summarize } from '../../../src/protocols/peek.ts'
import type { Peek } from '../../../src/protocols/protocol.ts'
import { createSseReader } from '../../../src/proxy/sse.ts'
import type { SseEvent } from '../../../src/proxy/sse.ts'
import { tryEach } from '../fuzz.ts'
import type { Target } from '../target.ts'
import { jsonText, messageText, nastyBytes, nastyText } from '../values.ts'

/** A reader of bytes, and what has to hold whatever they are. */
interface Reader {
  weight: number
  made: Arbitrary<unknown>
  holds(made: unknown): void
}

/** What is shorter is looked into to its end. */
const lookedIntoChars = 10_000

/** Bytes, and where they are cut on their way. */
const cutBytes = fc.tuple(
  fc.array(
    fc.oneof(
      nastyBytes,
      fc
        .constantFrom('\n', '\r\n', '\n\n', '\r\n\r\n', '\r', 'data: ', 'data:', 'id: 7\n', ':c\n')
        .map((text) => Buffer.from(text)),
    ),
    { maxLength: 8 },
  ),
  fc.array(fc.nat(400), { maxLength: 4 }),
)

/** Frames, and what is nearly one. */
const framed = fc.tuple(
  fc.array(
    fc
      .tuple(
        fc.oneof(fc.constant(undefined), fc.constantFrom(0, framePayloadAtMost + 1, 0xffff_ffff)),
        fc.nat(20),
        fc.oneof(fc.nat(3), fc.constant(0xffff_ffff)),
        nastyBytes,
      )
      .map(([length, type, stream, payload]) => {
        const head = Buffer.alloc(9)
        head.writeUInt32BE(length ?? payload.length)
        head[4] = type
        head.writeUInt32BE(stream, 5)
        return Buffer.concat([head, payload])
      }),
    { maxLength: 6 },
  ),
  fc.array(fc.nat(200), { maxLength: 4 }),
)

const headerNames = ['host', 'accept', 'content-type', 'mcp-session-id', 'last-event-id', 'cookie']
const headers: Arbitrary<IncomingHttpHeaders> = fc.dictionary(
  fc.oneof(fc.constantFrom(...headerNames, 'connection', 'authorization'), nastyText),
  nastyText,
  { maxKeys: 5 },
)
/** Those of an answer may come as lists. */
const answered: Arbitrary<IncomingHttpHeaders> = fc.dictionary(
  fc.oneof(fc.constantFrom(...headerNames, 'set-cookie'), nastyText),
  fc.oneof(nastyText, fc.array(nastyText, { maxLength: 2 })),
  { maxKeys: 5 },
)

const targets: Arbitrary<string> = fc.oneof(
  nastyText,
  fc
    .tuple(fc.constantFrom('http://', 'HTTPS://', '/', '//', 'x:', '*'), nastyText, nastyText)
    .map((parts) => parts.join('')),
)

const readers = {
  /** What a client has POSTed is what `JSON.parse` makes of it, or is refused. */
  posted: readerOf(6, messageText, (text) => {
    const posted = mcp.read(Buffer.from(text))
    if (posted.form !== 'message') return
    const [peek] = posted.messages
    const whole = parsed(text)
    // What is no JSON is for the worker to refuse.
    if (whole === undefined) return
    const right = summarize(whole)
    // Of a long answer it need not know whose it is.
    if (peek.kind === 'response' && right.method === undefined) {
      assert.ok(peek.id === undefined || right.kind === 'invalid' || peek.id === right.id)
    } else assert.deepEqual(told(peek), told(right))
  }),

  /** A look at what a worker sends never throws, and is of the shape that it says. */
  observed: readerOf(6, fc.tuple(messageText, fc.boolean()), ([text, isCut]) => {
    for (const peek of [mcp.readMessage(text, isCut)].flat()) {
      if (peek.id !== undefined) assert.ok(isRpcId(peek.id))
      if (peek.cancels !== undefined) assert.ok(isRpcId(peek.cancels))
      const progress = peek.progress?.()
      if (progress !== undefined) assert.equal(typeof progress.progress, 'number')
      for (const word of [peek.method, peek.protocolVersion, peek.client, peek.mode]) {
        assert.ok(word === undefined || typeof word === 'string')
      }
    }
  }),

  /** The keeper's parcels say what was sent, each message by itself. */
  parcels: readerOf(6, messageText, (text) => {
    const parcel = readMessages(text)
    const whole = parsed(text)
    const isLong = text.length >= lookedIntoChars
    if (parcel === undefined) {
      assert.ok(whole === undefined || isLong)
      return
    }
    for (const { json, kind, rpc } of parcel.messages) {
      assert.doesNotMatch(json, /[\r\n]/)
      if (kind === 'request') assert.ok(isRpcId(rpc.id))
    }
    // A long one is passed on without a look at all of it.
    if (whole === undefined) {
      assert.ok(isLong)
      return
    }
    const expected = parcel.isBatch ? (whole as unknown[]) : [whole]
    assert.equal(parcel.messages.length, expected.length)
    // What is nested deep is more than `deepEqual` can follow.
    if (isLong) return
    for (const [at, { json }] of parcel.messages.entries()) {
      assert.deepEqual(JSON.parse(json), expected[at])
    }
  }),

  kinds: readerOf(2, fc.jsonValue({ maxDepth: 2 }), (value) => {
    const kind = kindOf(value)
    const { id } = (value ?? {}) as { id?: unknown }
    if (kind === 'request') assert.ok(isRpcId(id) && idKey(id).length > 0)
  }),

  /** Lines are the same however the bytes of them are cut. */
  lines: readerOf(4, cutBytes, ([all, cuts]) => {
    const bytes = Buffer.concat(all)
    assert.deepEqual(linesOf(pieces(bytes, cuts)), linesOf([bytes]))
  }),

  /** So are events. */
  events: readerOf(4, cutBytes, ([all, cuts]) => {
    const bytes = Buffer.concat(all)
    const [cut, whole] = [eventsOf(pieces(bytes, cuts)), eventsOf([bytes])]
    if (bytes.length < 60_000) assert.deepEqual(cut, whole)
  }),

  /** And those that are read whole, whichever line ends they have. */
  wholeEvents: readerOf(4, cutBytes, ([all, cuts]) => {
    const bytes = Buffer.concat(all)
    assert.deepEqual(wholeEventsOf(pieces(bytes, cuts)), wholeEventsOf([bytes]))
  }),

  /** No byte of a stream is lost or changed. */
  parts: readerOf(4, cutBytes, ([all, cuts]) => {
    const bytes = Buffer.concat(all)
    const cutter = createSseCutter()
    const parts = pieces(bytes, cuts).flatMap((piece) => cutter.push(piece.toString('latin1')))
    const said = parts.map((part) => part.bytes).join('') + cutter.rest()
    if (!cutter.isLost()) assert.ok(Buffer.from(said, 'latin1').equals(bytes))
  }),

  /** Frames are the same however the bytes of them are cut, up to the first that is none. */
  frames: readerOf(4, framed, ([all, cuts]) => {
    const bytes = Buffer.concat(all)
    assert.deepEqual(framesOf(pieces(bytes, cuts)), framesOf([bytes]))
  }),

  /** What a head says is what was written; bytes that are none say nothing. */
  heads: readerOf(3, fc.tuple(headers, nastyBytes, fc.nat(999)), ([fields, bytes, status]) => {
    createRequestReader()(bytes)
    createAnswerReader()(bytes)
    const [read, written] = [createRequestReader(), writeRequest('GET', fields, bytes, true)]
    const opening = read(written ?? assert.fail())
    assert.ok(opening !== undefined && opening.body.equals(bytes))
    for (const value of Object.values(opening.request.headers)) assert.doesNotMatch(value, /[\r\n]/)
    const answer = createAnswerReader()(Buffer.from(writeAnswer(status, fields), 'latin1'))
    if (answer !== undefined) assert.equal(answer.statusCode, status)
  }),

  /** The words before the first message. */
  framing: readerOf(2, fc.array(fc.oneof(messageText, nastyText), { maxLength: 4 }), (texts) => {
    const reader = createFramingReader()
    for (const text of texts) {
      reader.line(text)
      reader.unfinished(text)
    }
  }),

  targets: readerOf(2, fc.tuple(targets, headers), ([url, fields]) => {
    const request = { url, headers: fields } as unknown as IncomingMessage
    assert.equal(typeof routedTarget(request), 'string')
    hostsOf({ originalUrl: url, headers: fields, raw: { rawHeaders: Object.keys(fields) } })
  }),

  headers: readerOf(3, fc.tuple(headers, fc.option(fc.array(nastyText))), ([fields, allowed]) => {
    const endpoint = { host: 'localhost', path: '/mcp', headers: {} } as never
    const about = { endpoint, workerSessionId: undefined, sessionId: 'a', requestId: 'b' }
    const passed = mcp.toWorker(fields, { ...about, allowed: allowed ?? undefined })
    for (const name of ['cookie', 'origin']) assert.ok(!Object.hasOwn(passed, name))
    if (allowed === null) assert.ok(!Object.hasOwn(passed, 'authorization'))
    mcp.publicId(fields)
  }),

  answers: readerOf(3, answered, (fields) => {
    const shown = mcp.toClient(fields, 'own')
    assert.equal(shown['mcp-session-id'], 'own')
    assert.ok(!Object.hasOwn(shown, 'set-cookie'))
    mcp.workerSessionId(fields)
  }),

  forgotten: readerOf(1, fc.tuple(fc.nat(999), jsonText), ([statusCode, text]) => {
    mcp.isForgotten(statusCode, text)
  }),
}

function readerOf<T>(weight: number, made: Arbitrary<T>, holds: (made: T) => void): Reader {
  return { weight, made, holds: (value) => holds(value as T) }
}

interface Case {
  reader: keyof typeof readers
  made: unknown
}

const all = Object.entries(readers) as [Case['reader'], Reader][]
const cases: Arbitrary<Case> = fc.oneof(
  ...all.map(([reader, { weight, made }]) => ({
    weight,
    arbitrary: made.map((value): Case => ({ reader, made: value })),
  })),
)

/** All that reads what somebody else has written, alone: functions of bytes. */
export const readersTarget: Target = {
  name: 'readers',
  about: 'whatever reads bytes of a client or a worker, alone',
  share: 90_460,
  async run(_t, about) {
    // It is the one target that waits for nothing.
    await Promise.resolve()
    tryEach('readers', about, cases, ({ reader, made }) => {
      readers[reader].holds(made)
    })
  },
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const told = ({ kind, method, id }: Peek) => ({ kind, method, id })

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts, bytes.length].map((at) => Math.min(at, bytes.length)).sort(byValue)
  return ends.map((end, at) => bytes.subarray(at === 0 ? 0 : ends[at - 1], end))
}

const byValue = (one: number, other: number): number => one - other

function linesOf(chunks: readonly Buffer[]): string[] {
  const lines: string[] = []
  const splitter = createLineSplitter((line) => lines.push(line.toString('latin1')), 1024 * 1024)
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

function framesOf(chunks: readonly Buffer[]): unknown[] {
  const frames: unknown[] = []
  const reader = createFrameReader((type, stream, payload) => {
    frames.push([type, stream, payload.toString('latin1')])
    return type !== 20
  })
  const isRight = chunks.map((chunk) => reader.push(chunk)).at(-1)
  return [...frames, isRight]
}

function eventsOf(chunks: readonly Buffer[]): SseEvent[] {
  const events: SseEvent[] = []
  const reader = createSseReader((event) => events.push(event))
  for (const chunk of chunks) reader.push(chunk.toString('latin1'))
  return events
}

function wholeEventsOf(chunks: readonly Buffer[]): WholeEvent[] {
  const events: WholeEvent[] = []
  const push = createEventReader((event) => events.push(event))
  for (const chunk of chunks) push(chunk)
  return events
}
