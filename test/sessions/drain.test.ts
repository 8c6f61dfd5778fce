import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const half = compiled('test/fixtures/workers/half-said.js')

test('a gateway that leaves opens nothing new, and lets what is open finish', async (t) => {
  const gateway = await startTestGateway(t, { half: { command: ['node', half], http: true } })
  const busy = await openRaw(gateway.mcp('half'))
  const idle = await openRaw(gateway.mcp('half'))
  const stream = await idle.stream()
  const call = busy.call('silent')
  await gateway.saw('exchange.started')
  const leaving = gateway.close({ drainMs: 20_000 })

  const refused = await postRpc(gateway.mcp('half'), initializeMessage())
  assert.equal(refused.status, 503)
  assert.equal(refused.headers['retry-after'], '5')
  assert.match(await refused.text(), /ERR_SESSIONS_DRAINING/)
  assert.equal((await rawRequest(`${gateway.url}/readyz`)).status, 503)
  assert.equal((await rawRequest(`${gateway.url}/healthz`)).status, 200)

  assert.equal(gateway.seen('session.closed').length, 0)
  await busy.ask('release')
  assert.deepEqual((await (await call).json()).result, { late: true })
  await leaving
  assert.deepEqual(await stream.rest().catch(() => []), [])
  assert.deepEqual(
    gateway.seen('session.closed').map(({ reason }) => reason),
    ['drained', 'drained'],
  )
  assert.deepEqual(processesWith(gateway.stateDir), [])
  await assert.rejects(rawRequest(gateway.url), { code: 'ECONNREFUSED' })
  await assert.rejects(rawRequest(gateway.adminUrl), { code: 'ECONNREFUSED' })
})

test('what does not finish in time is told why it does not', async (t) => {
  const gateway = await startTestGateway(t, { half: { command: ['node', half], http: true } })
  const session = await openRaw(gateway.mcp('half'))
  const silent = session.call('silent')
  const begun = await session.call('boundary')
  await begun.next()
  await eventually(() => assert.equal(gateway.seen('exchange.started').length, 2))
  const leaving = gateway.close({ drainMs: 300 })
  const answer = await silent
  assert.equal(answer.status, 502)
  assert.match(await answer.text(), /"reason":"drained"/)
  assert.match((await begun.rest())[0]?.data ?? '', /"reason":"drained".*"id":2\}$/)
  await leaving
  assert.deepEqual(processesWith(gateway.stateDir), [])
})

test('a session that waited for a place when the gateway left is not opened', async (t) => {
  const stubborn = compiled('test/fixtures/workers/stays.js')
  const gateway = await startTestGateway(
    t,
    { stays: { command: ['node', stubborn], http: true, graceMs: 700 } },
    { caps: { maxSessions: 1 } },
  )
  const first = await openRaw(gateway.mcp('stays'))
  const second = postRpc(gateway.mcp('stays'), initializeMessage())
  await eventually(async () => assert.equal((await first.call('any')).status, 404))
  const leaving = gateway.close({ drainMs: 0 })
  const outcome = await second.then(({ status }) => status).catch(() => 'cut')
  assert.ok(outcome === 503 || outcome === 'cut', String(outcome))
  await leaving
  assert.deepEqual(processesWith(gateway.stateDir), [])
  assert.deepEqual(
    gateway.seen('session.opened').map(({ session }) => session),
    [first.handle],
  )
  assert.equal(gateway.seen('worker.started').length, 1)
})
