import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const half = compiled('test/fixtures/workers/half-said.js')

test('over the cap the session that was idle longest makes room', async (t) => {
  const gateway = await startTestGateway(
    t,
    { half: { command: ['node', half], http: true } },
    { caps: { maxSessions: 3 } },
  )
  const url = gateway.mcp('half')
  const first = await openRaw(url)
  const second = await openRaw(url)
  const third = await openRaw(url)
  // Now the second one is the longest idle, and the first has a call in progress.
  const call = first.call('silent')
  await gateway.saw('exchange.started')
  await third.ask('finished')

  const fourth = await openRaw(url)
  const closed = await gateway.saw('session.closed')
  assert.deepEqual([closed.session, closed.reason], [second.handle, 'evicted'])
  assert.deepEqual(processesWith(`/sessions/${second.handle}/`), [])
  const late = await second.call('any')
  assert.equal(late.status, 404)
  assert.match(await late.text(), /evicted/)

  // Only sessions with a request in progress are left: nobody makes room.
  const others = [third.call('silent'), fourth.call('silent')]
  await eventually(() =>
    assert.equal(
      gateway.seen('exchange.started').length - gateway.seen('exchange.ended').length,
      3,
    ),
  )
  const refused = await postRpc(url, initializeMessage())
  assert.equal(refused.status, 429)
  assert.equal(refused.headers['retry-after'], '10')
  const { id, error } = await refused.json()
  assert.deepEqual([id, error?.code], ['init', -32000])
  assert.equal(gateway.seen('session.closed').length, 1)

  await first.ask('release')
  assert.equal((await call).status, 200)
  const fifth = await openRaw(url)
  await gateway.saw('session.closed', ({ session }) => session === first.handle)
  assert.deepEqual(await fifth.ask('any'), { tool: 'any' })
  await Promise.all([third.remove(), fourth.remove()])
  await Promise.all(others)
})

test('of several that come at once each gets its place or none', async (t) => {
  const gateway = await startTestGateway(
    t,
    { half: { command: ['node', half], http: true } },
    { caps: { maxSessions: 2 } },
  )
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => postRpc(gateway.mcp('half'), initializeMessage())),
  )
  const statuses = answers.map(({ status }) => status)
  assert.ok(statuses.filter((status) => status === 200).length >= 2, String(statuses))
  assert.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 429),
    [],
  )
  const open = gateway.seen('session.opened').length - gateway.seen('session.closed').length
  assert.ok(open <= 2)
})
