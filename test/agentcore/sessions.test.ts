import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { awsError, rpcError, runtimeSession, signature, startRuntime, stopSession } from './rig.ts'

const gateway = await startRuntime({ after })
const { url } = gateway.runtime('echo-1')
const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })
const pidOf = async (answer: Awaited<ReturnType<typeof postRpc>>): Promise<number> => {
  const { result } = await answer.json()
  return (result as { pid: number }).pid
}
const withId = (id: string) => ({ headers: { [runtimeSession]: id } })

test('Mcp-Session-Id pins, whatever the other header says', async () => {
  const [mine, other] = await Promise.all([openRaw(url), openRaw(url)])
  const pid = await pidOf(await mine.call('counts'))
  for (const id of [other.id, randomUUID(), 'short']) {
    const answer = await mine.call('counts', {}, withId(id))
    assert.equal(answer.headers[runtimeSession], mine.id)
    assert.equal(await pidOf(answer), pid)
  }
  const dead = await postRpc(url, call('counts'), { sessionId: randomUUID(), ...withId(mine.id) })
  assert.deepEqual(await rpcError(dead), [404, -32001, 1])
})

test('the runtime session id alone pins too: the one of the answer, and the own choice', async () => {
  const chosen = `my-own-choice-of-an-id-${randomUUID()}`
  const opened = await postRpc(url, initializeMessage(), withId(chosen))
  const id = String(opened.headers['mcp-session-id'])
  assert.equal(opened.headers[runtimeSession], id)
  assert.notEqual(id, chosen)
  const pid = await pidOf(await postRpc(url, call('counts'), { sessionId: id }))
  for (const known of [chosen, id]) {
    const answer = await postRpc(url, call('counts'), withId(known))
    assert.equal(answer.headers['mcp-session-id'], id)
    assert.equal(await pidOf(answer), pid)
  }
  assert.equal((await stopSession(gateway, chosen)).status, 200)
  await gateway.saw('session.closed', ({ session }) => session === handleOf(id))
  assert.deepEqual(await rpcError(await postRpc(url, call('counts'), withId(chosen))), [
    ...[404, -32001, 1],
  ])
})

test('an initialize without Mcp-Session-Id opens a session, also under an id that is in use', async () => {
  const chosen = randomUUID()
  const first = await postRpc(url, initializeMessage(), withId(chosen))
  const second = await postRpc(url, initializeMessage(), withId(chosen))
  const ids = [first, second].map(({ headers }) => String(headers['mcp-session-id']))
  assert.equal(new Set(ids).size, 2)
  const newest = await postRpc(url, call('counts'), withId(chosen))
  assert.equal(newest.headers['mcp-session-id'], ids[1])
  assert.equal((await stopSession(gateway, chosen)).status, 200)
  for (const id of ids) {
    const { reason } = await gateway.saw('session.closed', (news) => news.session === handleOf(id))
    assert.equal(reason, 'stopped')
  }
})

test('a runtime session id of another length is refused in the words of the service', async () => {
  for (const id of ['x'.repeat(32), 'x'.repeat(257), '']) {
    const invoked = await postRpc(url, call('counts'), withId(id))
    const { error } = await invoked.json()
    assert.equal(error?.code, -32006)
    const { message } = error.data as { message: string }
    assert.match(
      message,
      /'runtimeSessionId' failed to satisfy constraint: Member must have length/,
    )
  }
  for (const id of [undefined, 'x'.repeat(32), 'x'.repeat(257)]) {
    const [status, type, message] = await awsError(await stopSession(gateway, id))
    assert.deepEqual([status, type], [400, 'ValidationException'])
    assert.match(message, /^1 validation error detected: Value at 'runtimeSessionId'/)
  }
})

test('StopRuntimeSession ends a session and its streams; a second one finds nothing', async () => {
  const session = await openRaw(url)
  const stream = await session.stream()
  const open = await session.call('endless')
  await open.next()
  const stopped = await stopSession(gateway, session.id)
  assert.deepEqual([stopped.status, await stopped.text()], [200, ''])
  assert.equal(stopped.headers[runtimeSession], session.id)
  assert.match((await open.rest()).at(-1)?.data ?? '', /"code":-32010.*"reason":"stopped"/)
  await stream.rest()
  const { reason } = await gateway.saw('session.closed', (news) => news.session === session.handle)
  assert.equal(reason, 'stopped')
  const nothing = [404, 'ResourceNotFoundException', 'Session not found or already terminated']
  assert.deepEqual(await awsError(await stopSession(gateway, session.id)), nothing)
  assert.deepEqual(await awsError(await stopSession(gateway, randomUUID())), nothing)
})

test('a signature is who a caller is: nobody else finds or stops the session', async () => {
  const mine = { headers: { authorization: signature('AKIAMINE') } }
  const yours = { headers: { authorization: signature('AKIAYOURS') } }
  const chosen = randomUUID()
  const opened = await postRpc(url, initializeMessage(), {
    headers: { ...mine.headers, [runtimeSession]: chosen },
  })
  const sessionId = String(opened.headers['mcp-session-id'])
  assert.equal((await postRpc(url, call('counts'), { sessionId, ...mine })).status, 200)
  for (const stranger of [yours, { headers: {} }]) {
    const answer = await postRpc(url, call('counts'), { sessionId, ...stranger })
    assert.deepEqual(await rpcError(answer), [404, -32001, 1])
    for (const id of [sessionId, chosen]) {
      const [status] = await awsError(await stopSession(gateway, id, stranger.headers))
      assert.equal(status, 404)
    }
  }
  // What stands in the query is read by nobody.
  const signed = `${url}&X-Amz-Credential=AKIAMINE%2F20260101&X-Amz-Signature=00`
  assert.equal((await postRpc(signed, call('counts'), { sessionId })).status, 404)
  assert.equal((await stopSession(gateway, chosen, mine.headers)).status, 200)
})
