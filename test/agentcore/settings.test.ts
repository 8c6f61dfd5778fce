import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { createTimes } from '../../src/proxy/times.ts'
import { fakeClock, movableClock } from '../support/fake-clock.ts'
import { getStream, postRpc } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'
import { rpcError, startRuntime } from './rig.ts'

const requestTimeoutMs = 4 * 60_000
const streamMaxMs = 2 * requestTimeoutMs
const clock = movableClock()
const compatible = await startRuntime(
  { after },
  {
    agentcore: {
      deadSession: 'runtime-error',
      delete: 'not-found',
      requestTimeoutMs,
      streamMaxMs,
    },
  },
  {},
  { clock },
)
const { url } = compatible.runtime('echo-1')

test('in the compatible form DELETE is 404 and ends nothing, also at the other path', async () => {
  const session = await openRaw(url)
  assert.equal((await session.remove()).status, 404)
  assert.equal((await session.call('counts')).status, 200)
  const elsewhere = await openRaw(compatible.mcp('echo-1'))
  assert.equal((await elsewhere.remove()).status, 200)
})

test('in the measured form a dead session is 200 with -32010, to a POST alone', async () => {
  const session = await openRaw(compatible.mcp('echo-1'))
  await session.remove()
  const at = { sessionId: session.id }
  const answer = await postRpc(url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, at)
  const { error } = await answer.json()
  assert.deepEqual([answer.status, error?.code], [200, -32010])
  assert.match(error?.message ?? '', /^Received error \(404\) from runtime\./)
  const { reason } = error?.data as { reason: string }
  assert.equal(reason, 'client-deleted')
  assert.equal((await getStream(url, at)).status, 404)
})

test('an answer that does not come in time is an error, and the exchange is over', async () => {
  const session = await openRaw(url)
  const answer = session.call('silent')
  await compatible.saw('exchange.started', (news) => news.session === session.handle)
  await clock.advance(requestTimeoutMs)
  assert.deepEqual(await rpcError(await answer), [200, -32010, 1])
  const { outcome } = await compatible.saw(
    'exchange.ended',
    (news) => news.session === session.handle,
  )
  assert.equal(outcome, 'failed')
})

test('a stream ends when its time is up, with an error for what is unanswered', async () => {
  const session = await openRaw(url)
  const [answer, stream] = await Promise.all([session.call('endless'), session.stream()])
  await clock.advance(streamMaxMs)
  const events = await answer.rest()
  assert.match(events.at(-1)?.data ?? '', /"code":-32010.*ERR_PROXY_TIME_IS_UP/)
  assert.deepEqual(await stream.rest(), [])
})

test('times are counted from the request on, a stream gets more of it, and the end is the end', () => {
  const clock = fakeClock()
  const said: string[] = []
  const times = { requestMs: 900_000, streamMs: 3_600_000 }
  const start = (name: string) =>
    createTimes(times, clock, ({ message }) => said.push(`${name}: ${message}`))
  start('silent')
  const plain = start('plain')
  const stream = start('stream')
  const answered = start('answered')
  clock.advance(899_999)
  plain.onHead(false)
  stream.onHead(true)
  answered.end()
  assert.deepEqual(said.splice(0), [])
  clock.advance(1)
  assert.deepEqual(said.splice(0), [
    'silent: It took longer than 900000 ms (agentcore.requestTimeoutMs).',
    'plain: It took longer than 900000 ms (agentcore.requestTimeoutMs).',
  ])
  clock.advance(2_699_999)
  assert.deepEqual(said.splice(0), [])
  clock.advance(1)
  assert.deepEqual(said, ['stream: It took longer than 3600000 ms (agentcore.streamMaxMs).'])
  assert.equal(clock.pending, 0)
})
