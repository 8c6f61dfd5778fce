import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/echo.js')]
const gateway = await startTestGateway({ after }, { echo: { command, http: true } })

/** The metrics that are not zero. */
async function scrape(): Promise<Record<string, number>> {
  const answer = await askAdmin(gateway, '/metrics')
  assert.equal(answer.status, 200)
  assert.match(answer.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  const lines = (await answer.text()).split('\n').filter((line) => /^berth_/.test(line))
  return Object.fromEntries(
    lines
      .map((line): [string, number] => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))]
      })
      .filter(([name]) => !name.includes('_bucket')),
  )
}

test('metrics stand at zero before anything happened, and count what does', async () => {
  const before = await scrape()
  for (const [name, value] of Object.entries(before)) assert.equal(value, 0, name)
  for (const name of [
    'berth_sessions_open{server="echo"}',
    'berth_sessions_closed_total{server="echo",reason="idle"}',
    'berth_sessions_missed_total{server="echo"}',
    'berth_server_requests_total{server="echo",kind="elicitation"}',
    'berth_exchange_seconds_count{server="echo",outcome="answered"}',
  ]) {
    assert.equal(before[name], 0, name)
  }

  const session = await openRaw(gateway.mcp('echo'))
  const other = await openRaw(gateway.mcp('echo'))
  const ask = { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} }
  await (await session.call('stream', { notification: ask })).rest()
  await session.ask('pid')
  await session.remove()
  await gateway.saw('session.closed')
  await session.call('pid')
  await postRpc(gateway.mcp('echo'), 'no json')

  const now = await scrape()
  const changed = Object.fromEntries(
    Object.entries(now).filter(([name, value]) => value !== 0 && !name.includes('_sum')),
  )
  assert.deepEqual(changed, {
    'berth_sessions_open{server="echo"}': 1,
    'berth_sessions_closed_total{server="echo",reason="client-deleted"}': 1,
    'berth_sessions_missed_total{server="echo"}': 1,
    'berth_session_start_seconds_count{server="echo"}': 2,
    'berth_exchange_seconds_count{server="echo",outcome="answered"}': 2,
    'berth_server_requests_total{server="echo",kind="elicitation"}': 1,
    'berth_requests_failed_total{code="ERR_SESSIONS_NOT_FOUND"}': 1,
    'berth_requests_failed_total{code="ERR_PROXY_NOT_JSON"}': 1,
  })
  assert.equal((await other.call('pid')).status, 200)
  const text = await (await askAdmin(gateway, '/metrics')).text()
  assert.equal(text.includes(session.id) || text.includes(other.id), false)
})
