import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { createListener, listenOn } from '../../src/ground/listener.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import type { MovableClock } from '../support/fake-clock.ts'
import { movableClock } from '../support/fake-clock.ts'

interface Client {
  socket: Socket
  said(): string
  isCut(): boolean
}

async function dial(t: TestContext, port: number, first: string): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  let said = ''
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => (said += chunk.toString('latin1')))
  atEnd(t, () => void socket.destroy())
  await once(socket, 'connect')
  socket.write(first)
  return { socket, said: () => said, isCut: () => socket.destroyed || socket.readableEnded }
}

/** `/early` answers before a body is there, `/whole` when all of it is, `/later` when it is told to. */
async function open(t: TestContext) {
  const clock = movableClock()
  const app = createListener({ clock, events: createEvents() })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  let answer: () => void = () => undefined
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/early') await reply.code(401).send('who is it?')
  })
  app.post('/early', (_request, reply) => reply.send())
  app.post('/whole', (request, reply) => reply.send(`${(request.body as Buffer).length} bytes`))
  app.post('/later', async (_request, reply) => {
    await new Promise<void>((resolve) => (answer = resolve))
    return reply.send('at last')
  })
  atEnd(t, () => app.close())
  await listenOn(app, '127.0.0.1', 0, 'listen.port')
  const { port } = app.server.address() as { port: number }
  return { app, clock, port, answer: () => answer() }
}

const head = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: ${length}\r\n\r\n`

/** A few bytes in each second. */
async function dribble({ socket }: Client, clock: MovableClock, seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at += 1) {
    if (socket.writable) socket.write('[')
    await clock.advance(1000)
  }
}

test('a body that comes byte by byte is cut, and the client is told', async (t) => {
  const { clock, port } = await open(t)
  const client = await dial(t, port, head('/whole', 100_000))
  const chunked = await dial(
    t,
    port,
    'POST /whole HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  await eventually(async () => {
    await dribble(client, clock, 1)
    assert.ok(client.isCut() && chunked.isCut())
  })
  for (const { said } of [client, chunked]) assert.match(said(), /^HTTP\/1\.1 408 /)
})

test('so is one that was answered before it had come', async (t) => {
  const { clock, port } = await open(t)
  const client = await dial(t, port, head('/early', 100_000))
  await eventually(() => assert.match(client.said(), /^HTTP\/1\.1 401 /))
  await eventually(async () => {
    await dribble(client, clock, 1)
    assert.ok(client.isCut())
  })
  assert.doesNotMatch(client.said(), / 408 /)
})

test('a body that makes progress, and an answer that takes long, are not cut', async (t) => {
  const { clock, port, answer } = await open(t)
  const size = 200_000
  const steady = await dial(t, port, head('/whole', size))
  const patient = await dial(t, port, `${head('/later', 2)}[]`)
  for (let sent = 0; sent < size; sent += 20_000) {
    const before = steady.socket.bytesWritten
    steady.socket.write('x'.repeat(20_000))
    await eventually(() => assert.ok(steady.socket.bytesWritten >= before + 20_000))
    await clock.advance(9000)
  }
  await eventually(() => assert.match(steady.said(), /200000 bytes$/))
  await clock.advance(3_600_000)
  assert.ok(!patient.isCut())
  answer()
  await eventually(() => assert.match(patient.said(), /at last$/))
})

test('heads have to come soon as well', async (t) => {
  const { app } = await open(t)
  assert.equal(app.server.headersTimeout, 20_000)
  assert.equal(app.server.requestTimeout, 900_000)
})
