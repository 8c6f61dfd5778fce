import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'node:test'

import { messageOf, sessionId, startFace } from './face-rig.ts'
import type { Rig } from './face-rig.ts'

const ping = { jsonrpc: '2.0', id: 9, method: 'ping' }
const cancel = (rig: Rig, requestId: number): Promise<unknown> =>
  rig.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })

test('a cancelled call that the server leaves unanswered ends after 5 s', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  await cancel(rig, 1)
  assert.match(rig.lines.at(-1) ?? '', /notifications\/cancelled/)
  rig.advance(5000)
  const error = { code: -32000, message: 'Request cancelled' }
  assert.deepEqual(await call.rest(), [{ jsonrpc: '2.0', id: 1, error }])
  rig.say({ id: 1, result: 'too late' })
  assert.deepEqual(rig.garbage, [])
  rig.say({ id: 1, result: 'and once more' })
  assert.equal(rig.garbage.length, 1)
})

test('a server may still answer a cancelled call', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  await cancel(rig, 1)
  await cancel(rig, 1)
  rig.say({ id: 1, result: 'partial' })
  assert.deepEqual(await call.rest(), [{ jsonrpc: '2.0', id: 1, result: 'partial' }])
  rig.advance(5000)
  assert.deepEqual(rig.garbage, [])
})

test('DELETE ends every stream; from then on all is answered 404', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  const get = await rig.get()
  await get.next()
  assert.equal((await rig.send('DELETE', { 'mcp-session-id': sessionId })).status, 204)
  assert.equal(await get.next(), undefined)
  const [error] = (await call.rest()) as { id: number; error: { code: number } }[]
  assert.equal(error?.id, 1)
  assert.equal(error.error.code, -32001)
  assert.equal((await rig.post(ping)).status, 404)
  assert.equal((await rig.post({ ...ping, method: 'initialize' })).status, 404)
  assert.equal((await rig.get()).status, 404)
  assert.equal((await rig.send('DELETE', { 'mcp-session-id': sessionId })).status, 404)
})

test('when the server ends, every open call is answered by an error', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await rig.get()
  await get.next()
  const onStream = await rig.open(1)
  const pending = rig.post({ ...ping, id: 2 })
  await rig.heard(2)
  rig.face.serverEnded('killed by SIGKILL')
  const message = 'The server ended (killed by SIGKILL) before it answered.'
  const error = { code: -32603, message }
  assert.deepEqual(await onStream.rest(), [{ jsonrpc: '2.0', id: 1, error }])
  const asJson = await pending
  assert.equal(asJson.status, 502)
  assert.deepEqual(JSON.parse(await asJson.text()), { jsonrpc: '2.0', id: 2, error })
  assert.equal(await get.next(), undefined)

  const later = await rig.post(ping)
  assert.equal(later.status, 502)
  const body = JSON.parse(await later.text()) as { id: number; error: { code: number } }
  assert.equal(body.id, 9)
  assert.equal(body.error.code, -32603)
  assert.equal((await rig.post({ jsonrpc: '2.0', method: 'notifications/x' })).status, 502)
  assert.equal((await rig.get()).status, 502)
  rig.face.serverEnded('again')
})

test('the error of a server that ended is kept for a client that resumes', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const call = await rig.open(1)
  rig.say({ method: 'notifications/message', params: {} })
  const seen = await call.next()
  await call.cut()
  rig.face.serverEnded('exit code 3')
  const resumed = await rig.get({ 'last-event-id': seen?.id ?? '' })
  const [error] = (await resumed.rest()) as { error: { code: number } }[]
  assert.equal(error?.error.code, -32603)
})

test('a server that takes no more lines is a 502, with the id of the request', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  rig.serverIsDeaf = true
  const reply = await rig.post(ping)
  assert.equal(reply.status, 502)
  assert.equal((JSON.parse(await reply.text()) as { id: number }).id, 9)
  assert.equal((await rig.post({ jsonrpc: '2.0', id: 1, result: {} })).status, 502)
  rig.serverIsDeaf = false
  rig.onLine = () => rig.say({ id: 9, result: {} })
  assert.equal((await rig.post(ping)).status, 200)
})

test('a reader that stands still is cut off once more than 4 MiB wait for it', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const reader = { isCut: false }
  void rig.nextClose().then(() => (reader.isCut = true))
  const socket = connect(rig.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.pause()
  await once(socket, 'connect')
  socket.write(
    `GET / HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\nmcp-session-id: ${sessionId}\r\n\r\n`,
  )
  // The kernel's buffers hold some of it beside what waits in the process of the face.
  const data = 'x'.repeat(256 * 1024)
  const say = (n: number): void => rig.say({ method: 'notifications/message', params: { n, data } })
  let said = 0
  for (; !reader.isCut && said < 200; said += 1) {
    say(said)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(reader.isCut)
  const { params } = messageOf(await (await rig.get()).next()) as { params: { n: number } }
  assert.ok(params.n * data.length > 4 * 1024 * 1024, `cut at message ${params.n}`)
})

test('one message of more than 4 MiB does not cut off its reader', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await rig.get()
  await get.next()
  const data = 'x'.repeat(6 * 1024 * 1024)
  const messages = [{ data }, { after: 1 }, { after: 2 }]
  for (const params of messages) rig.say({ method: 'notifications/message', params })
  for (const params of messages) {
    const event = messageOf(await get.next()) as { params: object }
    assert.deepEqual(event.params, params)
  }
})
