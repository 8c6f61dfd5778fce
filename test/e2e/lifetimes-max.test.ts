import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { movableClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { openRaw } from '../support/raw-session.ts'

const quarterMs = 4 * 60_000
const lifecycle = { idleMs: 4 * quarterMs, maxMs: 4 * quarterMs }
const command: [string, string] = ['node', compiled('test/fixtures/workers/half-said.js')]
const clock = movableClock()
const gateway = await startTestGateway(
  { after },
  { half: { command, http: true, lifecycle } },
  {},
  { clock },
)

describe('the maximum ends a session', () => {
  test('in the middle of its calls, which are told why', async () => {
    const session = await openRaw(gateway.mcp('half'))
    const silent = session.call('silent')
    const stream = await session.call('boundary')
    for (let quarter = 0; quarter < 3; quarter += 1) {
      await clock.advance(quarterMs)
      assert.equal((await session.call('finished')).status, 200)
    }
    assert.deepEqual(gateway.seen('session.closed'), [])
    await clock.advance(quarterMs)
    const answer = await silent
    assert.equal(answer.status, 502)
    const { id, error } = await answer.json()
    const data = error?.data as { code: string; reason: string }
    assert.deepEqual([id, data.code, data.reason], [1, 'ERR_SESSIONS_ENDED', 'max-lifetime'])
    const last = (await stream.rest()).at(-1)?.data ?? ''
    assert.match(last, /"reason":"max-lifetime".*"id":2\}$/)
    const closed = await gateway.saw('session.closed', (news) => news.session === session.handle)
    assert.equal(closed.reason, 'max-lifetime')
    assert.ok(closed.durationMs >= lifecycle.maxMs, String(closed.durationMs))
    assert.deepEqual(processesWith(`/sessions/${session.handle}/`), [])
    const late = await session.call('finished')
    assert.equal(late.status, 404)
    assert.match(await late.text(), /max-lifetime/)
  })

  test('in which nothing happens, if it would be idle no sooner', async () => {
    const { handle } = await openRaw(gateway.mcp('half'))
    await clock.advance(lifecycle.maxMs)
    const { reason } = await gateway.saw('session.closed', ({ session }) => session === handle)
    assert.equal(reason, 'max-lifetime')
  })
})
