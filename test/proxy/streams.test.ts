import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { getStream } from '../support/raw-http.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'
import { meanwhile } from '../support/patience.ts'

const fixture = (name: string): [string, string] => [
  'node',
  compiled(`test/fixtures/workers/${name}.js`),
]
const gateway = await startTestGateway(
  { after },
  {
    direct: { command: fixture('echo'), http: true },
    relayed: { command: fixture('echo'), http: true, relay: true },
    stdio: { command: fixture('sdk-stdio') },
    half: { command: fixture('half-said'), http: true },
  },
)

/** The GET streams that the worker has open, by the event that they were resumed from. */
const openStreams = async (session: RawSession): Promise<string[]> =>
  (await session.ask<{ open: string[] }>('open')).open

for (const server of ['direct', 'relayed', 'stdio']) {
  test(`the head of a stream reaches the client before any event: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    const stream = await session.stream()
    assert.equal(stream.status, 200)
    assert.equal(stream.headers['content-type'], 'text/event-stream')
    assert.equal(stream.headers['mcp-session-id'], session.id)
    assert.match(stream.headers['cache-control'] ?? '', /no-transform/)
    assert.equal(stream.headers['x-accel-buffering'], 'no')
    assert.equal(stream.headers['content-length'], undefined)
  })
}

test('silence cuts neither a stream nor a call', async () => {
  const session = await openRaw(gateway.mcp('half'))
  const stream = await session.stream()
  const ended = stream.rest().then(() => 'ended')
  const begun = await session.call('boundary')
  const silent = session.call('silent').then(() => 'answered')
  const quiet = meanwhile(2500).then(() => 'silent')
  assert.equal(await Promise.race([ended, silent, quiet]), 'silent')
  await session.ask('release')
  assert.match((await begun.rest()).at(-1)?.data ?? '', /late/)
  assert.equal(await silent, 'answered')
})

test("a client's second stream takes the place of its first", async () => {
  const session = await openRaw(gateway.mcp('direct'))
  const first = await session.stream()
  const second = await session.stream()
  assert.deepEqual(await first.rest(), [])
  assert.equal(second.status, 200)
  await eventually(async () => assert.deepEqual(await openStreams(session), ['new']))
})

test('streams that follow each other closely leave one', async () => {
  const session = await openRaw(gateway.mcp('direct'))
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => session.stream()))
  const opened = outcomes.filter(({ status }) => status === 'fulfilled')
  assert.ok(opened.length >= 1)
  await eventually(async () => assert.deepEqual(await openStreams(session), ['new']))
})

test('a resumed stream stands beside the others', async () => {
  const session = await openRaw(gateway.mcp('direct'))
  const standing = await session.stream()
  const one = await session.stream({ lastEventId: 'a' })
  const two = await session.stream({ lastEventId: 'b' })
  assert.equal((await one.next())?.id, 'a+')
  assert.equal((await two.next())?.id, 'b+')
  assert.deepEqual((await openStreams(session)).sort(), ['a', 'b', 'new'])
  standing.abort()
  await eventually(async () => assert.deepEqual((await openStreams(session)).sort(), ['a', 'b']))
})

test('a stream is superseded by the one that goes on where it stopped', async () => {
  const session = await openRaw(gateway.mcp('direct'))
  const standing = await session.stream()
  const lost = await session.stream({ lastEventId: 'a' })
  assert.equal((await lost.next())?.id, 'a+')
  const resumed = await session.stream({ lastEventId: 'a+' })
  assert.equal((await resumed.next())?.id, 'a++')
  assert.deepEqual(await lost.rest(), [])
  await eventually(async () => assert.deepEqual((await openStreams(session)).sort(), ['a+', 'new']))
  standing.abort()
})

test('a stream that its client leaves is let go at the worker', async () => {
  const session = await openRaw(gateway.mcp('direct'))
  const stream = await session.stream()
  assert.deepEqual(await openStreams(session), ['new'])
  stream.abort()
  await eventually(async () => assert.deepEqual(await openStreams(session), []))
})

test('a stream is not given to whoever only knows the server', async () => {
  const answer = await getStream(gateway.mcp('direct'), { lastEventId: 'a' })
  assert.equal(answer.status, 405)
})
