import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'

import { mcp } from '../../src/protocols/mcp.ts'
import type { Downstream } from '../../src/proxy/downstream.ts'
import { createDownstream } from '../../src/proxy/downstream.ts'
import { atEnd } from '../support/at-end.ts'
import type { FakeClock } from '../support/fake-clock.ts'
import { fakeClock } from '../support/fake-clock.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { rawRequest } from '../support/raw-http.ts'

/** A stream to a real client, and a clock that can be moved; it is looked after each second. */
async function openStream(t: TestContext, headers: IncomingHttpHeaders = {}) {
  const clock: FakeClock = fakeClock()
  const server = createServer()
  server.listen(0, '127.0.0.1')
  atEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const answering: Promise<RawResponse> = rawRequest(`http://127.0.0.1:${port}`)
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
  const downstream: Downstream = createDownstream({
    response,
    kind: 'get',
    isStandalone: true,
    protocol: mcp,
    clock,
    traffic: undefined,
    exchanges: [],
    ids: [],
    requestId: 'r',
    extraHeaders: {},
    publicId: 'public',
  })
  clock.every(1000, () => downstream.keepAlive(clock.now()))
  downstream.head(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers })
  const answer = await answering
  return { clock, downstream, answer }
}

const event = (data: string): Buffer => Buffer.from(`data: ${data}\n\n`)

test('a stream that is silent for 15 seconds gets a comment, every 15 seconds', async (t) => {
  const { clock, downstream, answer } = await openStream(t)
  await clock.advanceSettling(14_000)
  downstream.write(event('"one"'))
  await answer.next()
  assert.deepEqual(answer.comments, [])
  await clock.advanceSettling(60_000)
  downstream.write(event('"two"'))
  assert.equal((await answer.next())?.data, '"two"')
  assert.deepEqual(answer.comments, Array(4).fill('keepalive'))
})

test('a stream on which something comes gets no comments', async (t) => {
  const { clock, downstream, answer } = await openStream(t)
  for (let at = 0; at < 20; at += 1) {
    await clock.advanceSettling(10_000)
    downstream.write(event(String(at)))
    assert.equal((await answer.next())?.data, String(at))
  }
  assert.deepEqual(answer.comments, [])
})

test('no comment is put into an event, however long it takes', async (t) => {
  const { clock, downstream, answer } = await openStream(t)
  for (const part of ['data: "a', 'b', 'c"\n', 'id: 7\n']) {
    downstream.write(Buffer.from(part))
    await clock.advanceSettling(40_000)
  }
  downstream.write(Buffer.from('\n'))
  const only = await answer.next()
  assert.deepEqual([only?.data, only?.id], ['"abc"', '7'])
  assert.deepEqual(answer.comments, [])
  await clock.advanceSettling(16_000)
  downstream.write(event('"next"'))
  assert.equal((await answer.next())?.data, '"next"')
  assert.deepEqual(answer.comments, ['keepalive'])
})

test('an event with Windows line ends is an event', async (t) => {
  const { clock, downstream, answer } = await openStream(t)
  downstream.write(Buffer.from('data: 1\r\n\r'))
  await clock.advanceSettling(20_000)
  downstream.write(Buffer.from('\n'))
  assert.equal((await answer.next())?.data, '1')
  await clock.advanceSettling(20_000)
  downstream.write(event('2'))
  assert.equal((await answer.next())?.data, '2')
  assert.deepEqual(answer.comments, ['keepalive'])
})

test('a stream that has ended gets nothing more', async (t) => {
  const { clock, downstream, answer } = await openStream(t)
  downstream.write(event('1'))
  downstream.end()
  await clock.advanceSettling(60_000)
  assert.equal((await answer.rest()).length, 1)
  assert.deepEqual(answer.comments, [])
  assert.equal(downstream.isDone(), true)
})

test('a stream whose length was announced may get comments nevertheless', async (t) => {
  const { clock, downstream, answer } = await openStream(t, { 'content-length': '9' })
  assert.equal(answer.headers['content-length'], undefined)
  await clock.advanceSettling(16_000)
  downstream.write(event('1'))
  downstream.end()
  assert.equal((await answer.rest())[0]?.data, '1')
  assert.deepEqual(answer.comments, ['keepalive'])
})
