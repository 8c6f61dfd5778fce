import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { createListener, listenOn } from '../../src/ground/listener.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { meanwhile } from '../support/patience.ts'

/** A listener that says what it was sent, at once or when the test says so; and a connection to it. */
async function stand(t: TestContext) {
  const app = createListener({ clock: systemClock, events: createEvents(), connections: 100 })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  )
  const waiting: ServerResponse[] = []
  app.post('/echo', (request, reply) => reply.send(`[${String(request.body)}]`))
  app.post('/later', (_request, reply) => {
    reply.hijack()
    waiting.push(reply.raw)
  })
  atEnd(t, () => app.close())
  const url = await listenOn(app, '127.0.0.1', 0, 'listen.port')
  const socket = connect({
    port: Number(new URL(url).port),
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  atEnd(t, () => void socket.destroy())
  return { app, socket, waiting, said: saidOver(socket) }
}

function saidOver(socket: Socket) {
  const said = { text: '', isOver: false, codes: (): string[] => [] }
  said.codes = () => [...said.text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, code = '']) => code)
  socket.setEncoding('utf8').on('data', (part: string) => (said.text += part))
  socket.on('end', () => (said.isOver = true)).on('error', () => undefined)
  return said
}

const post = (path: string, body: string, headers: string[] = []): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    'Content-Type: text/plain',
    `Content-Length: ${body.length}`,
    ...headers,
    '',
    body,
  ].join('\r\n')

for (const protocol of ['websocket', 'h2c']) {
  test(`who asks for ${protocol} is answered in HTTP/1.1, and so is what it asks next`, async (t) => {
    const { socket, said } = await stand(t)
    const upgrade = ['Connection: Upgrade', `Upgrade: ${protocol}`]
    socket.write(post('/echo', 'one', upgrade) + post('/echo', 'two', upgrade) + post('/echo', '3'))
    await eventually(() => assert.match(said.text, /\[one\][^]*\[two\][^]*\[3\]$/))
    const half = post('/echo', 'in pieces', upgrade)
    socket.write(half.slice(0, -4))
    await meanwhile(20)
    socket.write(half.slice(-4) + post('/echo', '5'))
    await eventually(() => assert.match(said.text, /\[in pieces\][^]*\[5\]$/))
    assert.deepEqual(said.codes(), ['200', '200', '200', '200', '200'])
  })
}

test('what was asked before is answered before who asks for another protocol', async (t) => {
  const { socket, said, waiting } = await stand(t)
  socket.write(post('/later', 'x') + post('/echo', 'two', ['Connection: Upgrade', 'Upgrade: a']))
  await eventually(() => assert.equal(waiting.length, 1))
  waiting[0]?.end('[later]')
  await eventually(() => assert.match(said.text, /\[later\][^]*\[two\]$/))
})

test('a complete request is answered whatever comes behind it', async (t) => {
  for (const [behind, codes] of [
    ['rubbish\r\n\r\n', ['200', '400']],
    [post('/echo', 'x').slice(0, 20) + '\0\r\n\r\n', ['200', '400']],
  ] as const) {
    const { socket, said, waiting } = await stand(t)
    socket.write(post('/later', 'x') + behind)
    await eventually(() => assert.equal(waiting.length, 1))
    socket.write('more')
    waiting[0]?.end('[later]')
    await eventually(() => assert.ok(said.isOver))
    assert.deepEqual(said.codes(), codes)
    assert.match(said.text, /\[later\][^]*no HTTP/)
  }
})

test('nothing is said behind the answer to who wants its connection closed', async (t) => {
  const { socket, said } = await stand(t)
  socket.write(post('/echo', 'one', ['Connection: close']) + post('/echo', 'two'))
  await eventually(() => assert.ok(said.isOver))
  assert.deepEqual(said.codes(), ['200'])
  assert.match(said.text, /\[one\]$/)
})

test('a client that leaves behind rubbish is noticed while it is to be answered', async (t) => {
  const { socket, waiting } = await stand(t)
  socket.write(`${post('/later', 'x')}rubbish\r\n\r\n`)
  await eventually(() => assert.equal(waiting.length, 1))
  socket.end()
  await eventually(() => assert.ok(waiting[0]?.destroyed))
})

test('who closes its side has left, though its request was complete', async (t) => {
  const { socket, waiting } = await stand(t)
  socket.end(post('/later', 'x'))
  await eventually(() => assert.ok(waiting[0]?.destroyed))
})

test('a body that was cut short is told so', async (t) => {
  const { socket, said } = await stand(t)
  socket.end(post('/echo', 'whole').slice(0, -2))
  await eventually(() => assert.ok(said.isOver))
  assert.match(said.text, /^HTTP\/1\.1 400 [^]*before the whole body had come/)
})

test('what wants a tunnel, or expects what nobody knows, is told so in JSON', async (t) => {
  const { socket, said } = await stand(t)
  socket.write('CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => assert.ok(said.isOver))
  assert.match(said.text, /^HTTP\/1\.1 405 [^]*Allow: POST[^]*"code":-32000/)

  const other = await stand(t)
  other.socket.write(post('/echo', 'x', ['Expect: foo']))
  await eventually(() => assert.ok(other.said.isOver))
  assert.match(other.said.text, /^HTTP\/1\.1 417 [^]*only 100-continue/)
})
