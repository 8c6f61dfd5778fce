import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { createListener, listenOn, stopListening } from '../../src/ground/listener.ts'
import { takePassedSockets } from '../../src/ground/passed-sockets.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'

const large = Buffer.alloc(16 * 1024 * 1024)

/** A listener whose `/later` is answered when the test says so. */
async function openListener(t: TestContext, host = '127.0.0.1') {
  const app = createListener()
  const waiting: ServerResponse[] = []
  app.get('/now', (_request, reply) => reply.send('now'))
  app.get('/large', (_request, reply) => reply.send(large))
  for (const path of ['/later', '/stream']) {
    app.get(path, (_request, reply) => {
      reply.hijack()
      waiting.push(reply.raw)
      if (path === '/stream') reply.raw.flushHeaders()
    })
  }
  atEnd(t, () => app.close())
  const port = await freePort()
  const url = await listenOn(app, host, port, 'listen.port')
  const agent = new Agent({ keepAlive: true })
  atEnd(t, () => agent.destroy())
  const ask = async (path: string): Promise<IncomingMessage> => {
    const [response] = (await once(get(`${url}${path}`, { agent }), 'response')) as [
      IncomingMessage,
    ]
    return response
  }
  return { app, port, url, ask, waiting }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

async function occupy(t: TestContext, port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer().listen(port, host)
  await once(server, 'listening')
  atEnd(t, () => void server.close())
  return server
}

test('who stops listening leaves the port at once, and answers what was asked', async (t) => {
  const { app, port, url, ask, waiting } = await openListener(t)
  // Not read before the listener has stopped, and more than what fits on the way.
  const unread = await ask('/large')
  const stream = await ask('/stream')
  const later = ask('/later')
  await eventually(() => assert.equal(waiting.length, 2))
  const idle = await ask('/now')
  const sockets = [idle.socket, stream.socket]
  assert.equal(idle.headers.connection, 'keep-alive')
  await textOf(idle)
  const silent = connect(port, '127.0.0.1')
  await once(silent, 'connect')

  stopListening(app)
  await occupy(t, port)
  const [streaming, answering] = waiting
  answering?.end('later')
  const answered = await later
  assert.equal(answered.headers.connection, 'close')
  assert.equal(await textOf(answered), 'later')
  streaming?.end('streamed')
  assert.equal(await textOf(stream), 'streamed')
  assert.equal((await textOf(unread)).length, large.length)
  for (const socket of sockets) await eventually(() => assert.ok(socket.destroyed))

  // A connection that had not been used yet is answered, too, once.
  silent.write(`GET /now HTTP/1.1\r\nhost: ${new URL(url).host}\r\n\r\n`)
  const said = await textOf(silent as unknown as IncomingMessage)
  assert.match(said, /^HTTP\/1\.1 200 [^]*connection: close[^]*now$/i)
})

test('localhost is listened on at each of its addresses, and left at each', async (t) => {
  const { app, port } = await openListener(t, 'localhost')
  const { address } = app.server.address() as AddressInfo
  const others = ['127.0.0.1', '::1'].filter((other) => other !== address)
  const reached: string[] = []
  for (const host of [address, ...others]) {
    const socket = connect(port, host)
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    if (isThere) reached.push(host)
    socket.destroy()
  }
  assert.ok(reached.length > 0)
  stopListening(app)
  for (const host of reached) await occupy(t, port, host)
})

test('a port that is in use is waited for, as long as is said', async (t) => {
  const port = await freePort()
  const holder = await occupy(t, port)
  const app = createListener()
  atEnd(t, () => app.close())
  await assert.rejects(listenOn(app, '127.0.0.1', port, 'listen.port'), /choose another with --/)
  await assert.rejects(listenOn(app, '127.0.0.1', port, 'listen.port', { waitMs: 50 }), (error) => {
    assert.match(String(error), /still in use after 0\.05 s\. See who uses it \(ss -ltnp /)
    assert.match(
      String(error),
      /choose another port with --listen-port\. .* take its --state-dir\.$/,
    )
    return true
  })
  const busy: number[] = []
  const url = await listenOn(app, '127.0.0.1', port, 'listen.port', {
    waitMs: 10_000,
    onBusy: (taken) => {
      busy.push(taken)
      holder.close()
    },
  })
  assert.deepEqual([url, busy], [`http://127.0.0.1:${port}`, [port]])
})

test('sockets that are meant for another process are left alone, and nobody inherits the names', () => {
  const env = { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'public', PATH: '/bin' }
  assert.deepEqual(takePassedSockets(env), {})
  assert.deepEqual(env, { PATH: '/bin' })
})
