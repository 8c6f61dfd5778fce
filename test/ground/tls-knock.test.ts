import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { createListener, listenOn } from '../../src/ground/listener.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { meanwhile } from '../support/patience.ts'

async function open(t: TestContext) {
  const clock = fakeClock()
  const warnings: string[] = []
  const events = createEvents()
  events.on('operator.warned', ({ message }) => warnings.push(message))
  const app = createListener({ clock, events })
  app.get('/', (_request, reply) => reply.send('fine'))
  atEnd(t, () => app.close())
  const url = new URL(await listenOn(app, '127.0.0.1', 0, 'listen.port'))
  return { clock, warnings, url, port: Number(url.port) }
}

/** How a client of TLS fails there. */
async function knock(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  return error.code ?? error.message
}

/** All that comes for these bytes until the connection is closed. */
async function answerTo(port: number, ...parts: (Buffer | string)[]): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  for (const part of parts) {
    socket.write(part)
    await meanwhile(20)
  }
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

test('a client that speaks https:// fails at once, and the operator reads why', async (t) => {
  const { clock, warnings, port } = await open(t)
  assert.match(await knock(port), /ALERT_UNEXPECTED_MESSAGE/)
  const [said = '', ...more] = warnings
  assert.match(said, /127\.0\.0\.1 spoke https:\/\/ to 127\.0\.0\.1:\d+, which speaks http:\/\//)
  assert.ok(said.includes(`Let it use http://127.0.0.1:${port}`), said)
  assert.deepEqual(more, [])

  await knock(port)
  await knock(port)
  assert.equal(warnings.length, 1, 'once a minute is enough')
  clock.advance(60_001)
  await knock(port)
  assert.equal(warnings.length, 2)
})

test('a hello that comes in pieces gets one alert, and the connection is closed', async (t) => {
  const { warnings, port } = await open(t)
  const alert = await answerTo(port, Buffer.from([0x16]), Buffer.from([0x03, 0x01, 0x02, 0x00]))
  assert.deepEqual([...alert], [0x15, 3, 1, 0, 2, 2, 10])
  assert.equal(warnings.length, 1)
})

test('what is neither HTTP nor TLS is answered as HTTP, and is no news', async (t) => {
  const { warnings, port, url } = await open(t)
  assert.match(String(await answerTo(port, 'garbage\r\n\r\n')), /^HTTP\/1\.1 400 Bad Request\r\n/)
  const [first, second] = String(
    await answerTo(port, `GET / HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`, Buffer.from([0x16, 3, 1])),
  ).split('fine')
  assert.match(first ?? '', /^HTTP\/1\.1 200/)
  assert.match(second ?? '', /^HTTP\/1\.1 400/)
  await eventually(() => assert.deepEqual(warnings, []))
})
