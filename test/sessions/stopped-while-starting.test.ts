import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'

import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'

const maxMs = 16 * 60_000

/** A gateway with a session whose worker runs, and will not listen for long. */
async function starting(t: TestContext) {
  const file = join(tempDir(t), 'marks')
  const slow = compiled('test/fixtures/workers/slow-start.js')
  const clock = movableClock()
  const worker = {
    command: ['node', slow, file, 'go'] as [string, ...string[]],
    http: true,
    lifecycle: { idleMs: 60_000, maxMs },
    startTimeoutMs: 2 * maxMs,
  }
  const gateway = await startTestGateway(t, { worker }, {}, { clock })
  const answer = postRpc(gateway.mcp('worker'), initializeMessage())
  await eventually(() => assert.match(readFileSync(file, 'utf8'), /started/))
  return { gateway, clock, answer }
}

const nothingRuns = ({ stateDir }: TestGateway): void =>
  assert.deepEqual(processesWith(`${stateDir}/sessions`), [])

test('a session that is stopped while it starts is closed only when its worker is gone', async (t) => {
  const { gateway, answer } = await starting(t)
  const { session } = gateway.seen('session.opened')[0]!
  const stopped = await askAdmin(gateway, `/api/sessions/${session}`, { method: 'DELETE' })
  nothingRuns(gateway)
  assert.equal((await stopped.json<{ state: string }>()).state, 'closed')
  assert.equal(gateway.seen('session.closed')[0]?.reason, 'stopped')
  const { status, json } = await answer
  assert.equal(status, 502)
  assert.equal((await json()).id, 'init')
})

test('a gateway that leaves while a session starts leaves no worker', async (t) => {
  const { gateway, answer } = await starting(t)
  await gateway.close({ drainMs: 0 })
  nothingRuns(gateway)
  assert.equal(gateway.seen('session.closed')[0]?.reason, 'drained')
  assert.equal((await answer).status, 502)
})

test('the maximum ends a session that is still starting; idleness does not', async (t) => {
  const { gateway, clock, answer } = await starting(t)
  await clock.advance(maxMs / 2)
  assert.deepEqual(gateway.seen('session.closed'), [])
  await clock.advance(maxMs / 2)
  const { reason, durationMs } = await gateway.saw('session.closed')
  assert.equal(reason, 'max-lifetime')
  assert.ok(durationMs >= maxMs)
  nothingRuns(gateway)
  assert.equal((await answer).status, 502)
})
