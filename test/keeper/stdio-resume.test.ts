import assert from 'node:assert/strict'
import test from 'node:test'

import { messageOf, startFace } from './face-rig.ts'
import type { Reply, Rig } from './face-rig.ts'

const note = (n: number): object => ({ method: 'notifications/message', params: { n } })
const sent = (message: object): object => ({ jsonrpc: '2.0', ...message })
const resume = (rig: Rig, id: string | undefined): Promise<Reply> =>
  rig.get({ 'last-event-id': id ?? '' })

test('a call goes on without its connection, and is resumed where the client was', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say(note(1))
  rig.say(note(2))
  const seen = await call.next()
  await call.cut()
  rig.say(note(3))
  const resumed = await resume(rig, seen?.id)
  assert.equal(resumed.headers['content-type'], 'text/event-stream')
  for (const n of [2, 3]) assert.deepEqual(messageOf(await resumed.next()), sent(note(n)))
  rig.say(note(4))
  rig.say({ id: 1, result: 'done' })
  assert.deepEqual(await resumed.rest(), [sent(note(4)), sent({ id: 1, result: 'done' })])
})

test('a response that came while nobody was there is kept for whoever resumes', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const pending = rig.post({ jsonrpc: '2.0', id: 1, method: 'x' })
  await rig.heard(1)
  rig.advance(20)
  const call = await pending
  const priming = await call.next()
  await call.cut()
  rig.say({ id: 1, result: 'late' })
  rig.advance(3_600_000)
  const resumed = await resume(rig, priming?.id)
  const [event] = await resumed.rest()
  assert.deepEqual(event, sent({ id: 1, result: 'late' }))
})

test('a resumed stream is told its place before there is a message', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say(note(1))
  const seen = await call.next()
  await call.cut()
  const resumed = await resume(rig, seen?.id)
  const place = await resumed.next()
  assert.equal(place?.data, '')
  await resumed.cut()
  rig.say({ id: 1, result: 1 })
  assert.deepEqual(await (await resume(rig, place.id)).rest(), [sent({ id: 1, result: 1 })])
})

test('resuming takes over from a connection that is still open', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say(note(1))
  const seen = await call.next()
  const resumed = await resume(rig, seen?.id)
  assert.equal(await call.next(), undefined)
  rig.say({ id: 1, result: 1 })
  assert.deepEqual(await resumed.rest(), [sent({ id: 1, result: 1 })])
})

test('only the stream of the event id is replayed', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const ask = { _meta: { progressToken: 1 } }
  const first = await rig.open(1, ask)
  const second = await rig.open(2)
  const progress = { method: 'notifications/progress', params: { progressToken: 1 } }
  rig.say(progress)
  rig.say(progress)
  rig.say(note(1))
  const seen = await first.next()
  await first.cut()
  const resumed = await resume(rig, seen?.id)
  rig.say({ id: 1, result: 1 })
  assert.deepEqual(await resumed.rest(), [sent(progress), sent({ id: 1, result: 1 })])
  assert.deepEqual(messageOf(await second.next()), sent(note(1)))
})

test('the standalone stream is resumed as such, and replays what was sent', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await rig.get()
  const priming = await get.next()
  rig.say(note(1))
  await get.cut()
  rig.say(note(2))
  const resumed = await resume(rig, priming?.id)
  for (const n of [1, 2]) assert.deepEqual(messageOf(await resumed.next()), sent(note(n)))
  rig.say(note(3))
  assert.deepEqual(messageOf(await resumed.next()), sent(note(3)))
})

test('a GET without an event id is sent only what was never sent', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await rig.get()
  await get.next()
  rig.say(note(1))
  await get.next()
  await get.cut()
  rig.say(note(2))
  assert.deepEqual(messageOf(await (await rig.get()).next()), sent(note(2)))
})

test('only a resumed stream with an answer to come says that it carries an exchange', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await rig.get()
  const call = await rig.open(1)
  rig.say(note(1))
  const seen = await call.next()
  const standalone = await resume(rig, (await get.next())?.id)
  const resumed = await resume(rig, seen?.id)
  rig.say({ id: 1, result: 1 })
  const ended = await resume(rig, seen?.id)
  assert.deepEqual(
    [get, call, standalone, resumed, ended].map(({ headers }) => headers['x-berth-carries']),
    [undefined, undefined, undefined, 'exchange', undefined],
  )
})

test('a client that has had all is told not to come back', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say({ id: 1, error: { code: 1, message: 'no' } })
  const last = await call.next()
  const reply = await resume(rig, last?.id)
  assert.equal(reply.status, 204)
  assert.equal(await reply.text(), '')
})

test('what was sent can be replayed for 60 s; then its event id is refused', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say(note(1))
  const seen = await call.next()
  rig.say({ id: 1, result: 1 })
  rig.advance(59_000)
  assert.equal((await (await resume(rig, seen?.id)).rest()).length, 1)
  rig.advance(61_000)
  assert.equal((await resume(rig, seen?.id)).status, 400)
})

test('when the log is full the oldest is lost, and an event id before it is refused', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say(note(0))
  const seen = await call.next()
  await call.cut()
  for (let n = 1; n <= 1001; n += 1) rig.say(note(n))
  assert.equal((await resume(rig, seen?.id)).status, 400)
  const place = seen?.id.replace(/-\d+$/, '-3')
  assert.deepEqual(messageOf(await (await resume(rig, place)).next()), sent(note(2)))
})
