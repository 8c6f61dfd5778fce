import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { receivedHeaders } from '../../src/proxy/received-headers.ts'
import type { Receiver } from '../../src/proxy/received.ts'
import { received } from '../../src/proxy/received.ts'
import { onFaults } from '../../src/ground/guarded.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { jsonAnswer, startRawServer } from '../support/raw-server.ts'

/** What the server says next, in place of what is proper. */
let says: string | undefined
const url = await startRawServer({ after }, ({ socket }) => {
  // Its end is told by the end of the connection, whatever the head said.
  if (says !== undefined) setImmediate(() => socket.end())
  return says
})
const gateway = await startTestGateway({ after }, { raw: { url } })

const json = 'content-type: application/json\r\n'
const sse = 'content-type: text/event-stream\r\n'
const event = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'
const answers: [string, string][] = [
  ['a type twice', jsonAnswer({ jsonrpc: '2.0', id: 1, result: {} }, json)],
  ['two types', jsonAnswer({ jsonrpc: '2.0', id: 1, result: {} }, sse)],
  ['an error with a type twice', `HTTP/1.1 404 No\r\n${json}${json}content-length: 2\r\n\r\n{}`],
  [
    'a stream with a type twice',
    `HTTP/1.1 200 OK\r\n${sse}${sse}connection: close\r\n\r\n${event}`,
  ],
  [
    'a redirect twice',
    `HTTP/1.1 307 X\r\nlocation: /a\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n`,
  ],
  ['an id twice', jsonAnswer({}, 'mcp-session-id: a\r\nmcp-session-id: b\r\n')],
  [
    'names of what every object has',
    jsonAnswer(
      {},
      ['__proto__', 'constructor', 'toString'].map((n) => `${n}: x\r\n`.repeat(2)).join(''),
    ),
  ],
  ['a status below', 'HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n'],
  ['a status above', 'HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n'],
  ['hints and no answer', `${hint}${hint}`],
  ['a hint with a body', 'HTTP/1.1 103 X\r\ncontent-length: 2\r\n\r\n{}'],
  ['an upgrade', 'HTTP/1.1 101 X\r\nupgrade: y\r\nconnection: upgrade\r\n\r\n'],
  [
    'a trailer',
    `HTTP/1.1 200 OK\r\n${json}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n__proto__: x\r\n__proto__: y\r\n\r\n`,
  ],
  ['an encoding twice', jsonAnswer({}, 'content-encoding: gzip\r\ncontent-encoding: br\r\n')],
  ['what is no HTTP', '\0\0\0\r\n\r\n'],
  ['bytes that are no ASCII', jsonAnswer({}, 'x-a: \xff\xe9\x80\r\n')],
]

for (const [what, bytes] of answers) {
  test(`${what}, in an answer, harms no more than that answer`, async () => {
    const session = await openRaw(gateway.mcp('raw'))
    says = bytes
    const answered = await session.call('x').catch((error: unknown) => String(error))
    const opened = await postRpc(gateway.mcp('raw'), initializeMessage()).catch(() => undefined)
    says = undefined
    if (typeof answered === 'string') assert.fail(answered)
    await answered.text().catch(() => undefined)
    await opened?.text().catch(() => undefined)
    const after = await openRaw(gateway.mcp('raw'))
    assert.equal((await after.call('x')).status, 200)
    assert.deepEqual(gateway.seen('fault.caught'), [])
    await after.remove()
  })
}

test('what comes before an answer is not passed on as one', async () => {
  const session = await openRaw(gateway.mcp('raw'))
  const answer = jsonAnswer({ jsonrpc: '2.0', id: 1, result: { real: true } })
  for (const status of ['100 Continue', '102 Processing', '103 Early Hints']) {
    says = `HTTP/1.1 ${status}\r\nlink: </a>\r\n\r\n${answer}`
    const answered = await session.post({ jsonrpc: '2.0', id: 1, method: 'x' })
    says = undefined
    assert.ok([200, 502].includes(answered.status), `${status}: ${answered.status}`)
    if (!status.startsWith('100')) {
      assert.deepEqual((await answered.json()).result, { real: true }, status)
    }
  }
})

test('of what can be said only once, the first counts; the rest is joined', () => {
  assert.deepEqual(
    receivedHeaders({
      'content-type': ['a', 'b'],
      'x-many': ['a', 'b'],
      'set-cookie': ['a', 'b'],
      'x-one': 'a',
      'mcp-session-id': ['a', 'b'],
    }),
    {
      'content-type': 'a',
      'x-many': 'a, b',
      'set-cookie': ['a', 'b'],
      'x-one': 'a',
      'mcp-session-id': 'a',
    },
  )
  const usual = { 'content-type': 'a' }
  assert.equal(receivedHeaders(usual), usual)
})

test('whatever a step throws breaks off its own request, once', () => {
  for (const step of ['sent', 'head', 'data', 'end', 'broke'] as const) {
    const said: string[] = []
    const faults: string[] = []
    const stop = onFaults(({ session, where }) => faults.push(`${session ?? ''} ${where}`))
    const failing = (name: string) => (): void => {
      said.push(name)
      if (name === step) throw new Error(name)
    }
    const receiver: Receiver = {
      sent: failing('sent'),
      head: failing('head'),
      data: failing('data'),
      end: failing('end'),
      broke: failing('broke'),
    }
    const aborted: string[] = []
    const controller = {
      pause: () => undefined,
      resume: () => undefined,
      abort: ({ message }: Error) => aborted.push(message),
    } as never
    const handler = received(receiver, { session: 'abc' })
    handler.onRequestStart?.(controller, {})
    handler.onResponseStart?.(controller, 200, {})
    handler.onResponseData?.(controller, Buffer.from('x'))
    handler.onResponseEnd?.(controller, {})
    handler.onResponseError?.(controller, new Error('late'))
    stop()
    assert.equal(said.filter((name) => name === 'broke').length, step === 'broke' ? 2 : 1)
    assert.ok(faults.every((fault) => fault === 'abc reading what a worker has answered'))
    assert.equal(faults.length, step === 'broke' ? 2 : 1, step)
    assert.deepEqual(aborted, step === 'broke' ? [] : ['The answer could not be dealt with.'])
  }
})
