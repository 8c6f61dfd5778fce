import assert from 'node:assert/strict'
import test from 'node:test'

import { startFace } from './face-rig.ts'

const call = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`
const note = '{"jsonrpc":"2.0","method":"notifications/x","params":{"n":12345678901234567890}}'
const answer = (id: number): object => ({ jsonrpc: '2.0', id, result: id })

test('a batch is split into lines, and answered by one array if all comes at once', async (t) => {
  const rig = await startFace(t)
  await rig.initialize('2025-03-26')
  rig.onLine = (line) => {
    const { id } = JSON.parse(line) as { id?: number }
    if (id !== undefined) rig.say({ id, result: id })
  }
  const reply = await rig.post(`[${call(1)},\n ${note} , ${call(2)}]`)
  assert.deepEqual(rig.lines, [call(1), note, call(2)])
  assert.equal(reply.headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(await reply.text()), [answer(1), answer(2)])
})

test('a batch that takes longer is answered on one stream', async (t) => {
  const rig = await startFace(t)
  await rig.initialize('2025-03-26')
  const pending = rig.post(`[${call(1)},${call(2)},${call(3)}]`)
  await rig.heard(3)
  rig.say({ id: 2, result: 2 })
  rig.advance(20)
  const stream = await pending
  rig.say({ id: 3, result: 3 })
  rig.say({ id: 0, method: 'ping' })
  rig.say({ id: 1, result: 1 })
  const ping = { jsonrpc: '2.0', id: 0, method: 'ping' }
  assert.deepEqual(await stream.rest(), [answer(2), answer(3), ping, answer(1)])
})

test('a batch without a request is answered 202', async (t) => {
  const rig = await startFace(t)
  await rig.initialize('2025-03-26')
  const reply = await rig.post(`[${note},{"jsonrpc":"2.0","id":0,"result":{}}]`)
  assert.equal(reply.status, 202)
  assert.equal(rig.lines.length, 2)
})

for (const [name, body] of [
  ['an empty batch', '[]'],
  ['a batch with one bad message', `[${call(1)},{"id":2}]`],
  ['a batch with one id twice', `[${call(1)},${call(1)}]`],
] as const) {
  test(`${name} is refused as a whole`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize('2025-03-26')
    const reply = await rig.post(body)
    assert.equal(reply.status, 400)
    assert.match(await reply.text(), /-32600/)
    assert.deepEqual(rig.lines, [])
  })
}

test('a batch that a server writes is split, digit for digit', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const first = await rig.open(1)
  const second = await rig.open(2)
  const tricky =
    '{"jsonrpc":"2.0","id":1,"result":{"s":"\\"],[\\\\","n":[1,{"a":[]}],"big":9007199254740993}}'
  rig.face.fromServer(`[ ${tricky} , {"jsonrpc":"2.0","id":2,"result":2}, {"no":"message"} ]`)
  assert.equal((await first.next())?.data, tricky)
  assert.deepEqual(await second.rest(), [answer(2)])
  assert.deepEqual(rig.garbage, ['{"no":"message"}'])
})

test('when the server ends, a batch is answered by what came and by errors', async (t) => {
  const rig = await startFace(t)
  await rig.initialize('2025-03-26')
  const pending = rig.post(`[${call(1)},${call(2)}]`)
  await rig.heard(2)
  rig.say({ id: 1, result: 1 })
  rig.face.serverEnded('exit code 1')
  const reply = await pending
  assert.equal(reply.status, 502)
  const [good, bad] = JSON.parse(await reply.text()) as [object, { id: number; error: object }]
  assert.deepEqual(good, answer(1))
  assert.equal(bad.id, 2)
  assert.deepEqual(bad.error, {
    code: -32603,
    message: 'The server ended (exit code 1) before it answered.',
  })
})
