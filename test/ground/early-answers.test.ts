import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { fastify } from 'fastify'

import { answerEarly } from '../../src/ground/early-answers.ts'
import { createListener, listenOn } from '../../src/ground/listener.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { meanwhile } from '../support/patience.ts'
import { rawRequest } from '../support/raw-http.ts'

/** A client of a listener that refuses everything, and goes on sending. */
async function refused(t: TestContext) {
  const clock = fakeClock()
  const app = fastify()
  answerEarly(app, clock, { ms: 30_000, bytes: 3_000_000 })
  app.addHook('onRequest', (_request, reply) => reply.code(401).send('no'))
  app.post('/', () => undefined)
  atEnd(t, async () => {
    app.server.closeAllConnections()
    await app.close()
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  atEnd(t, () => void socket.destroy())
  let isCut = false
  socket.on('error', () => undefined)
  socket.on('close', () => (isCut = true))
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(String(answer), /^HTTP\/1.1 401 /)
  return { app, socket, clock, isCut: () => isCut }
}

const connectionsOf = (server: { getConnections(fn: (e: unknown, n: number) => void): unknown }) =>
  new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))

test('what follows a refusal is read for some time only', async (t) => {
  const { app, socket, clock } = await refused(t)
  clock.advance(29_999)
  socket.write('x'.repeat(1000))
  assert.equal(await connectionsOf(app.server), 1)
  clock.advance(1)
  await eventually(async () => assert.equal(await connectionsOf(app.server), 0))
  assert.equal(clock.pending, 0)
})

test('what follows a refusal is read so far only', async (t) => {
  const { socket, clock, isCut } = await refused(t)
  const piece = Buffer.alloc(500_000)
  await eventually(() => {
    if (!isCut()) socket.write(piece)
    assert.ok(isCut())
  })
  assert.ok(socket.bytesWritten >= 3_000_000)
  await eventually(() => assert.equal(clock.pending, 0))
})

const begun: ServerResponse[] = []

async function open(t: TestContext) {
  const app = createListener()
  app.get('/now', (_request, reply) => reply.send('now'))
  app.get('/begun', (_request, reply) => {
    reply.hijack()
    reply.raw.write('begun')
    begun.push(reply.raw)
  })
  atEnd(t, () => app.close())
  return listenOn(app, '127.0.0.1', 0, 'listen.port')
}

/** All that comes back for these bytes. */
async function said(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (part: string) => (answer += part))
  socket.write(text)
  await once(socket, 'end')
  socket.destroy()
  return answer
}

test('headers of more than 128 KiB are refused with a JSON-RPC error that says so', async (t) => {
  const url = await open(t)
  const longest = { 'x-long': 'x'.repeat(127 * 1024) }
  assert.equal((await rawRequest(`${url}/now`, { headers: longest })).status, 200)
  for (const bytes of [129 * 1024, 8_000_000]) {
    const answer = await said(url, `GET /now HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(bytes)}`)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    assert.match(head, /^HTTP\/1.1 431 Request Header Fields Too Large\r\n/)
    assert.match(head, /content-type: application\/json/i)
    const { jsonrpc, error, id } = JSON.parse(body) as {
      jsonrpc: string
      id: null
      error: { code: number; message: string }
    }
    assert.deepEqual([jsonrpc, id, error.code], ['2.0', null, -32600])
    assert.match(error.message, /131072 bytes/)
  }
})

test('what is no HTTP is told so in JSON, and not in the middle of an answer', async (t) => {
  const url = await open(t)
  const answer = await said(url, 'hello\r\n\r\n')
  assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n[^]*"code":-32600/)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => (text += part))
  socket.on('error', () => undefined)
  socket.write('GET /begun HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => assert.match(text, /begun/))
  socket.write('hello\r\n\r\n')
  await meanwhile(50)
  assert.doesNotMatch(text, /400 Bad Request/)
  begun[0]?.end('ended')
  await eventually(() => assert.match(text, /ended[^]*HTTP\/1.1 400 Bad Request/))
})
