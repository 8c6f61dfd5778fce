import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { test } from 'node:test'

import { writeChunk } from '../../src/proxy/chunk.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import type { Owner } from '../support/temp.ts'

type Answer = (response: ServerResponse) => void

/** A connection to a server that answers so. */
async function dial(t: Owner, answer: Answer): Promise<Socket> {
  const server = createServer((_request, response) => {
    response.sendDate = false
    response.flushHeaders()
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  atEnd(t, () => {
    socket.destroy()
    server.close()
  })
  return socket
}

async function ask(socket: Socket, request: string): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (bytes: string) => (text += bytes))
  socket.write(request)
  await once(socket, 'end')
  return text
}

const inTwo: Answer = (response) => {
  writeChunk(response, 'data: \xc3\xbc\n\n')
  writeChunk(response, 'data: 2\n\n')
  response.end('data: 3\n\n')
}
const whole = 'data: \xc3\xbc\n\ndata: 2\n\ndata: 3\n\n'
const chunked = 'a\r\ndata: \xc3\xbc\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n'

test('what is written in one piece is framed as Node frames it', async (t) => {
  const text = await ask(
    await dial(t, inTwo),
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  assert.equal(text.slice(text.indexOf('\r\n\r\n') + 4), chunked)
})

test('a client of HTTP/1.0 gets no chunks', async (t) => {
  const text = await ask(await dial(t, inTwo), 'GET / HTTP/1.0\r\n\r\n')
  assert.equal(text.slice(text.indexOf('\r\n\r\n') + 4), whole)
})

test('answers to requests of one connection do not mix, though they are written at once', async (t) => {
  const waiting: ServerResponse[] = []
  const socket = await dial(t, (response) => {
    waiting.push(response)
    if (waiting.length < 2) return
    // The second has no connection yet.
    for (const each of waiting.reverse()) inTwo(each)
  })
  const one = 'GET / HTTP/1.1\r\nHost: a\r\n'
  const text = await ask(socket, `${one}\r\n${one}Connection: close\r\n\r\n`)
  const bodies = text.split(/HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+\r\n/).slice(1)
  assert.deepEqual(bodies, [chunked, chunked])
})

test('a reader that stalls is told of, and so is that it goes on', async (t) => {
  let hasDrained: Promise<unknown> | undefined
  const socket = await dial(t, (response) => {
    const full = writeChunk(response, 'x'.repeat(8_000_000))
    assert.ok(full)
    hasDrained = new Promise((resolve) => full.once('drain', resolve)).then(() => response.end())
  })
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await eventually(() => assert.ok(hasDrained))
  let bytes = 0
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
  socket.resume()
  await once(socket, 'end')
  await hasDrained
  assert.ok(bytes > 8_000_000)
})
