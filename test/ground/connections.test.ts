import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { createListener, listenOn } from '../../src/ground/listener.ts'
import { connectionsWithin, isOutOfRoom, openFilesLimit } from '../../src/ground/room.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'

async function open(t: TestContext, connections: number) {
  const clock = movableClock()
  const events = createEvents()
  const warnings: string[] = []
  events.on('operator.warned', ({ message }) => warnings.push(message))
  const app = createListener({ clock, events, connections })
  const waiting: ServerResponse[] = []
  app.get('/now', (_request, reply) => reply.send('now'))
  app.get('/later', (_request, reply) => {
    reply.hijack()
    waiting.push(reply.raw)
  })
  app.get('/large', (_request, reply) => reply.send(Buffer.alloc(16 * 1024 * 1024)))
  atEnd(t, () => app.close())
  await listenOn(app, '127.0.0.1', 0, 'listen.port')
  const { port } = app.server.address() as { port: number }
  const dial = async (path?: string) => {
    const socket = connect(port, '127.0.0.1')
    let said = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => (said += chunk.toString('latin1')))
    atEnd(t, () => void socket.destroy())
    await once(socket, 'connect')
    const ask = (what: string): boolean => socket.write(`GET ${what} HTTP/1.1\r\nHost: x\r\n\r\n`)
    if (path !== undefined) ask(path)
    return { socket, said: () => said, ask, isCut: () => isOver(socket) }
  }
  return { clock, warnings, dial, waiting }
}

const isOver = (socket: Socket): boolean => socket.destroyed || socket.readableEnded

test('one connection too many takes the place of one that never asked anything', async (t) => {
  const { dial, warnings } = await open(t, 3)
  const kept = await dial('/now')
  await eventually(() => assert.match(kept.said(), /now$/))
  const silent = [await dial(), await dial()]
  for (let at = 0; at < 10; at += 1) {
    const client = await dial('/now')
    await eventually(() => assert.match(client.said(), /200 OK[^]*now$/))
    client.socket.destroy()
    silent.push(await dial())
  }
  await eventually(() => assert.ok(silent[0]?.isCut()))
  kept.ask('/now')
  await eventually(() => assert.match(kept.said(), /now[^]*now$/))
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /All 3 connections .* 1 idle or slow ones closed.*ulimit -n/)
})

test('where all are busy it is refused, told once a minute, and taken again later', async (t) => {
  const { dial, warnings, waiting, clock } = await open(t, 2)
  const busy = [await dial('/later'), await dial('/later')]
  await eventually(() => assert.equal(waiting.length, 2))
  for (let at = 0; at < 3; at += 1) {
    const refused = await dial('/now')
    await eventually(() => assert.ok(refused.isCut()))
    assert.match(refused.said(), /^HTTP\/1\.1 503 [^]*Retry-After: 5\r\n[^]*Connection: close/)
  }
  assert.equal(warnings.length, 1)
  await clock.advance(61_000)
  assert.match(warnings[1] ?? '', /2 refused \(503\)/)
  await clock.advance(600_000)
  assert.equal(warnings.length, 2)
  for (const response of waiting) response.end('later')
  for (const { said } of busy) await eventually(() => assert.match(said(), /later/))
  const client = await dial('/now')
  await eventually(() => assert.match(client.said(), /200 OK[^]*now$/))
})

test('who sends a request slowly makes room, and who waits for an answer does not', async (t) => {
  const { dial, waiting, clock } = await open(t, 3)
  const busy = await dial('/later')
  const slow = [await dial(), await dial()]
  const head = 'GET /now HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n'
  slow[0]?.socket.write(head)
  slow[1]?.socket.write(`${head}${'x'.repeat(500)}`)
  await eventually(() => assert.equal(waiting.length, 1))
  await eventually(async () => {
    await clock.advance(1000)
    const client = await dial('/now')
    await eventually(() => assert.ok(client.isCut() || client.said() !== ''))
    assert.match(client.said(), /200 OK/)
    client.socket.destroy()
  })
  assert.ok(!busy.isCut())
  await eventually(() => assert.ok(slow[0]?.isCut()))
  assert.ok(!slow[1]?.isCut())
})

test('who does not read an answer makes room, and who waits for one does not', async (t) => {
  const { dial, waiting, clock } = await open(t, 2)
  const busy = await dial('/later')
  const deaf = await dial('/large')
  deaf.socket.pause()
  await eventually(() => assert.equal(waiting.length, 1))
  await eventually(async () => {
    await clock.advance(5000)
    const client = await dial('/now')
    await eventually(() => assert.ok(client.isCut() || client.said() !== ''))
    assert.match(client.said(), /200 OK/)
  })
  assert.ok(!busy.isCut())
  deaf.socket.resume()
  await eventually(() => assert.ok(deaf.isCut()))
  assert.ok(deaf.said().length < 16 * 1024 * 1024)
})

test('a flood of connections leaves nothing behind and does not grow what is open', async (t) => {
  const { dial, waiting } = await open(t, 4)
  const busy = await dial('/later')
  await eventually(() => assert.equal(waiting.length, 1))
  const flood = await Promise.all(Array.from({ length: 200 }, () => dial()))
  await eventually(() => assert.ok(flood.filter(({ isCut }) => !isCut()).length <= 3))
  assert.ok(!busy.isCut())
  waiting[0]?.end('later')
  await eventually(() => assert.match(busy.said(), /later/))
})

test('how many there may be follows from the limit of open files', () => {
  const text = (soft: string): string =>
    `Limit Soft Limit Hard Limit Units\nMax open files            ${soft}     4096   files\n`
  assert.equal(openFilesLimit(text('256')), 256)
  assert.equal(openFilesLimit(text('unlimited')), Infinity)
  assert.equal(connectionsWithin(256), 64)
  assert.equal(connectionsWithin(20_000), 6645)
  assert.equal(connectionsWithin(Infinity), 16_384)
  assert.equal(connectionsWithin(10), 8)
})

test('that there is no room is seen through the causes of an error', () => {
  const emfile = Object.assign(new Error('x'), { code: 'EMFILE' })
  assert.ok(isOutOfRoom(new Error('y', { cause: emfile })))
  assert.ok(!isOutOfRoom(Object.assign(new Error('z'), { code: 'ENOENT' })))
  assert.ok(!isOutOfRoom('EMFILE'))
})
