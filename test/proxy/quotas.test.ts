import assert from 'node:assert/strict'
import { test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { startProvider } from '../auth/provider-rig.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const half: TestServer = {
  command: ['node', compiled('test/fixtures/workers/half-said.js')],
  http: true,
}

/** Which quota it was, and after how many seconds to come again. */
async function refusal(answer: RawResponse): Promise<[unknown, number]> {
  assert.equal(answer.status, 429)
  const { error } = await answer.json()
  assert.equal(error?.code, -32000)
  const { quota } = error.data as { quota: unknown }
  assert.ok(error.message.includes(`(${String(quota)})`))
  return [quota, Number(answer.headers['retry-after'])]
}

test('calls of a minute: one too many gets 429, until the minute is over', async (t) => {
  const clock = movableClock()
  const gateway = await startTestGateway(
    t,
    { half },
    { quotas: { principal: { callsPerMinute: 2 }, groups: [] } },
    { clock },
  )
  const [one, two] = [await openRaw(gateway.mcp('half')), await openRaw(gateway.mcp('half'))]
  assert.deepEqual(await one.ask('any'), { tool: 'any' })
  assert.deepEqual(await two.ask('any'), { tool: 'any' })
  // Anonymous clients are one principal, whatever their sessions.
  const [quota, seconds] = await refusal(await one.call('any'))
  assert.equal(quota, 'quotas.principal.callsPerMinute')
  assert.ok(seconds > 0 && seconds <= 60)
  // What is no call is let through, and so is a ping.
  const initialized = await one.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  assert.equal(initialized.status, 202)
  assert.equal((await one.post({ jsonrpc: '2.0', id: 'p', method: 'ping' })).status, 200)
  const { code } = await gateway.saw('request.failed')
  assert.equal(code, 'ERR_SESSIONS_QUOTA_CALLS')
  await clock.advance(60_000)
  assert.deepEqual(await one.ask('any'), { tool: 'any' })
})

test('calls in progress: there is room again when one was answered, or its session ended', async (t) => {
  const gateway = await startTestGateway(
    t,
    { half },
    { quotas: { principal: { callsInProgress: 2 }, groups: [] } },
  )
  const url = gateway.mcp('half')
  const [one, two] = [await openRaw(url), await openRaw(url)]
  const calls = [one.call('silent'), two.call('silent')]
  const started = (count: number) => () =>
    assert.equal(gateway.seen('exchange.started').length, count)
  await eventually(started(2))
  const full = ['quotas.principal.callsInProgress', 1]
  assert.deepEqual(await refusal(await one.call('any')), full)
  await two.remove()
  await calls[1]
  const third = one.call('silent')
  await eventually(started(3))
  assert.deepEqual(await refusal(await one.call('any')), full)
  // Of a call that its client takes back no answer is awaited.
  await one.post({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 1 },
  })
  assert.equal((await one.call('release')).status, 200)
  await Promise.all([calls[0], third])
  assert.deepEqual(await one.ask('any'), { tool: 'any' })
})

test('sessions and starts, of a principal and of its group', async (t) => {
  const clock = movableClock()
  const provider = await startProvider(t)
  const { discoveryUrl } = provider
  const gateway = await startTestGateway(
    t,
    { half },
    {
      authorization: { global: { customJWTAuthorizer: { discoveryUrl, allowedClients: ['c'] } } },
      quotas: {
        principal: { sessions: 2, startsPerMinute: 4 },
        groups: [{ claim: 'groups', any: ['students'], sessions: 3 }],
      },
    },
    { clock },
  )
  const url = gateway.mcp('half')
  const headersOf = async (sub: string) => {
    const token = await provider.sign({ sub, client_id: 'c', groups: ['students'] })
    return { authorization: `Bearer ${token}` }
  }
  const open = async (sub: string): Promise<RawResponse> =>
    postRpc(url, initializeMessage(), { headers: await headersOf(sub) })
  const first = await open('alice')
  assert.deepEqual([first.status, (await open('alice')).status], [200, 200])
  assert.deepEqual(await refusal(await open('alice')), ['quotas.principal.sessions', 10])
  assert.equal((await open('bob')).status, 200)
  assert.deepEqual(await refusal(await open('bob')), ['quotas.groups[0].sessions', 10])
  // Nobody's session has made room, and what was refused has started nothing.
  assert.deepEqual(gateway.seen('session.closed'), [])
  assert.equal(gateway.seen('session.opened').length, 3)

  const close = async (sub: string, opened: RawResponse): Promise<void> => {
    const id = String(opened.headers['mcp-session-id'])
    const headers = { ...(await headersOf(sub)), 'mcp-session-id': id }
    assert.equal((await rawRequest(url, { method: 'DELETE', headers })).status, 200)
    await gateway.saw('session.closed', ({ session }) => session === handleOf(id))
  }
  let last = first
  for (let starts = 2; starts < 4; starts += 1) {
    await close('alice', last)
    last = await open('alice')
    assert.equal(last.status, 200)
  }
  await close('alice', last)
  const [quota] = await refusal(await open('alice'))
  assert.equal(quota, 'quotas.principal.startsPerMinute')
  // What has not started takes no place: it would be one too many for the group.
  await clock.advance(60_000)
  assert.equal((await open('alice')).status, 200)
})
