import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

test('a session has 64 requests in progress at most, and answers are never counted', async (t) => {
  const gateway = await startTestGateway(t, {
    half: { command: ['node', compiled('test/fixtures/workers/half-said.js')], http: true },
  })
  const session = await openRaw(gateway.mcp('half'))
  const other = await openRaw(gateway.mcp('half'))
  const open = Array.from({ length: 64 }, () => session.call('silent'))
  await eventually(() => assert.equal(gateway.seen('exchange.started').length, 64))

  const tooMany = await session.call('silent')
  assert.equal(tooMany.status, 429)
  assert.equal(tooMany.headers['retry-after'], '1')
  const { id, error } = await tooMany.json()
  assert.deepEqual([id, error?.code], [65, -32000])
  assert.match(error?.message ?? '', /64 requests/)

  for (const message of [
    { jsonrpc: '2.0', id: 5, result: { action: 'decline' } },
    { jsonrpc: '2.0', id: 6, error: { code: -1, message: 'no' } },
    { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
  ]) {
    assert.equal((await session.post(message)).status, 202)
  }
  const stream = await session.stream()
  assert.equal(stream.status, 200)
  assert.equal((await other.call('finished')).status, 200, 'another session is not concerned')

  // A cancelled request makes room for another.
  const cancelled = { requestId: 1, reason: 'no time' }
  const method = 'notifications/cancelled'
  assert.equal((await session.post({ jsonrpc: '2.0', method, params: cancelled })).status, 202)
  assert.deepEqual(
    gateway.seen('exchange.ended').map(({ outcome }) => outcome),
    ['answered', 'cancelled'],
  )
  await session.ask('release')
  for (const answer of await Promise.all(open)) assert.equal(answer.status, 200)
  assert.equal((await session.call('finished')).status, 200)
})
