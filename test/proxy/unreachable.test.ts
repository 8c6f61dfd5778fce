import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { longEnoughMs } from '../support/patience.ts'
import { openRaw } from '../support/raw-session.ts'

const gateway = await startTestGateway(
  { after },
  {
    deaf: { command: ['node', compiled('test/fixtures/workers/goes-deaf.js')], http: true },
    mortal: { command: ['node', compiled('test/fixtures/workers/half-said.js')], http: true },
  },
)

test('a worker that runs but listens no more is told from one that has ended', async () => {
  const session = await openRaw(gateway.mcp('deaf'))
  await session.ask('deafen')
  const answer = await session.call('any')
  assert.equal(answer.status, 502)
  const { id, error } = await answer.json()
  assert.equal(id, 2)
  const { code, requestId } = error?.data as { code: string; requestId: string }
  assert.equal(code, 'ERR_PROXY_WORKER_UNREACHABLE')
  const told = gateway.seen('request.failed').find((news) => news.requestId === requestId)
  assert.deepEqual([told?.code, told?.statusCode], [code, 502])
  assert.equal(gateway.seen('session.closed').length, 0)
  assert.equal((await session.stream()).status, 502)
  assert.equal((await session.remove()).status, 200)
  const closed = await gateway.saw('session.closed')
  assert.equal(closed.reason, 'client-deleted')
})

test('from the death of a worker on every call is answered, and soon with 404', async () => {
  const session = await openRaw(gateway.mcp('mortal'))
  void session.call('die')
  const statuses = new Set<number>()
  const diedMs = performance.now()
  while (!statuses.has(404)) {
    assert.ok(performance.now() - diedMs < longEnoughMs)
    const answer = await session.call('finished')
    statuses.add(answer.status)
    const { jsonrpc, id } = await answer.json()
    assert.deepEqual([jsonrpc, typeof id], ['2.0', 'number'])
  }
  assert.deepEqual(
    [...statuses].filter((status) => ![200, 404, 502].includes(status)),
    [],
  )
  const late = await session.call('finished')
  const { data } = (await late.json()).error ?? {}
  assert.equal((data as { reason: string }).reason, 'worker-exited')
})
