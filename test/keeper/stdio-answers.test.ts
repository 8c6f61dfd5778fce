import assert from 'node:assert/strict'
import test from 'node:test'

import { messageOf, sessionId, startFace } from './face-rig.ts'

const call = (id: number | string): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: {},
})

test('a response within 20 ms is answered as JSON, with the id of the session', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  rig.onLine = () => rig.say({ id: 1, result: { ok: true } })
  const reply = await rig.post(call(1))
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['content-type'], 'application/json')
  assert.equal(reply.headers['mcp-session-id'], sessionId)
  assert.deepEqual(JSON.parse(await reply.text()), { jsonrpc: '2.0', id: 1, result: { ok: true } })
})

test('after 20 ms a stream is opened at once, primed from 2025-11-25 on', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const pending = rig.post(call(1))
  await rig.heard(1)
  rig.advance(20)
  const reply = await pending
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['content-type'], 'text/event-stream')
  assert.equal(reply.headers['cache-control'], 'no-cache, no-transform')
  assert.equal(reply.headers['x-accel-buffering'], 'no')
  assert.equal(reply.headers['mcp-session-id'], sessionId)
  const priming = await reply.next()
  assert.ok(priming)
  assert.equal(priming.data, '')
  assert.match(priming.id, /^\w+-\d+$/)
  rig.say({ id: 1, result: 1 })
  const last = await reply.next()
  assert.deepEqual(messageOf(last), { jsonrpc: '2.0', id: 1, result: 1 })
  assert.notEqual(last?.id, priming.id)
  assert.equal(await reply.next(), undefined)
})

for (const version of ['2025-03-26', '2025-06-18']) {
  test(`a client of ${version} gets the head at once, and no event without data`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize(version)
    const reply = await rig.open(1)
    assert.equal(reply.headers['content-type'], 'text/event-stream')
    rig.say({ id: 1, result: 1 })
    assert.deepEqual(messageOf(await reply.next()), { jsonrpc: '2.0', id: 1, result: 1 })
  })
}

test('a message before the response opens the stream, however soon it comes', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  rig.onLine = () => {
    rig.say({ method: 'notifications/message', params: { data: 'x' } })
    rig.say({ id: 1, result: 1 })
  }
  const reply = await rig.post(call(1))
  assert.equal(reply.headers['content-type'], 'text/event-stream')
  const [note, response] = (await reply.rest()) as { method?: string; result?: number }[]
  assert.equal(note?.method, 'notifications/message')
  assert.equal(response?.result, 1)
})

test('notifications and responses are answered 202 without a body, and passed on', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  for (const message of [{ method: 'notifications/initialized' }, { id: 0, result: {} }]) {
    const reply = await rig.post({ jsonrpc: '2.0', ...message })
    assert.equal(reply.status, 202)
    assert.equal(await reply.text(), '')
    assert.deepEqual(JSON.parse(rig.lines.at(-1) ?? ''), { jsonrpc: '2.0', ...message })
  }
})

test('what only passes through is not changed, but for its line ends', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const body =
    '{\r\n "jsonrpc": "2.0",\n "id": 7, "method": "x",\n "params": {"n": 9007199254740993.10, "s": "a\\nb\u2028"}}'
  const answer = '{"jsonrpc":"2.0","id":7,"result":{"n":12345678901234567890,"e":1.50}}'
  rig.onLine = () => rig.face.fromServer(answer)
  const reply = await rig.post(body)
  assert.equal(rig.lines[0], body.replaceAll(/[\r\n]+/g, ' '))
  assert.equal(await reply.text(), answer)

  rig.onLine = () => undefined
  const stream = await rig.open(8)
  rig.face.fromServer(`{"jsonrpc":"2.0","id":8,\r"result":98765432109876543210}\r`)
  assert.equal((await stream.next())?.data.includes('98765432109876543210}'), true)
})

test('a message of 10 MB goes through in both directions', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const big = 'x'.repeat(10 * 1024 * 1024)
  const stream = await rig.open(1, { big })
  assert.equal((JSON.parse(rig.lines[0] ?? '') as { params: { big: string } }).params.big, big)
  rig.say({ id: 1, result: { big } })
  assert.deepEqual(await stream.rest(), [{ jsonrpc: '2.0', id: 1, result: { big } }])
})

test('ids of both directions are apart, and the number 1 is not the string "1"', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const byNumber = await rig.open(1)
  const byString = await rig.open('1')
  rig.say({ id: 1, method: 'ping' })
  rig.say({ id: '1', result: 'of the string' })
  rig.say({ id: 1, result: 'of the number' })
  const results = async (stream: typeof byNumber): Promise<unknown[]> =>
    ((await stream.rest()) as { result?: unknown }[]).map(({ result }) => result ?? 'ping')
  assert.deepEqual(await results(byNumber), ['of the number'])
  assert.deepEqual(await results(byString), ['ping', 'of the string'])
})

test('lines that are no messages, and answers to nothing, are reported as garbage', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  for (const line of ['Listening …', '', '  ', '{"level":"info","method":"GET"}', '42', '{"a":']) {
    rig.face.fromServer(line)
  }
  rig.say({ id: 99, result: 1 })
  assert.deepEqual(rig.garbage, [
    'Listening …',
    '{"level":"info","method":"GET"}',
    '42',
    '{"a":',
    'a response to no open request (id 99)',
  ])
})
