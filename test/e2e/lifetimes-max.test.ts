import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { openRaw } from '../support/raw-session.ts'

const lifecycle = { idleMs: 2500, maxMs: 2500 }
const command: [string, string] = ['node', compiled('test/fixtures/workers/half-said.js')]
const gateway = await startTestGateway({ after }, { half: { command, http: true, lifecycle } })

describe('the maximum ends a session', { concurrency: true }, () => {
  test('in the middle of its calls, which are told why', async () => {
    const session = await openRaw(gateway.mcp('half'))
    const silent = session.call('silent')
    const stream = await session.call('boundary')
    const busy = setInterval(() => {
      session.call('finished').catch(() => undefined)
    }, 100)
    const answer = await silent
    clearInterval(busy)
    assert.equal(answer.status, 502)
    const { id, error } = await answer.json()
    const data = error?.data as { code: string; reason: string }
    assert.deepEqual([id, data.code, data.reason], [1, 'ERR_SESSIONS_ENDED', 'max-lifetime'])
    const last = (await stream.rest()).at(-1)?.data ?? ''
    assert.match(last, /"reason":"max-lifetime".*"id":2\}$/)
    const closed = await gateway.saw('session.closed', (news) => news.session === session.handle)
    assert.equal(closed.reason, 'max-lifetime')
    assert.ok(closed.durationMs >= 2500 && closed.durationMs < 15_000, String(closed.durationMs))
    assert.deepEqual(processesWith(`/sessions/${session.handle}/`), [])
    const late = await session.call('finished')
    assert.equal(late.status, 404)
    assert.match(await late.text(), /max-lifetime/)
  })

  test('in which nothing happens, if it would be idle no sooner', async () => {
    const { handle } = await openRaw(gateway.mcp('half'))
    const { reason } = await gateway.saw('session.closed', ({ session }) => session === handle)
    assert.equal(reason, 'max-lifetime')
  })
})
