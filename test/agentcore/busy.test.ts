import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { askAdmin } from '../support/admin.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { agentServer, invoke } from './agent-rig.ts'

const idleMs = 8 * 60_000
/** Longer than an agent is left alone before it is asked again. */
const stepMs = idleMs / 4

test('an agent keeps its session as long as it says that it is busy, and no longer', async (t) => {
  const clock = movableClock()
  const lifecycle = { idleMs, maxMs: 8 * 3600_000 }
  const gateway = await startTestGateway(t, { brief: { ...agentServer, lifecycle } }, {}, { clock })
  const url = `${gateway.url}/servers/brief/invocations`
  const open = async (asked: object, name = randomUUID()) => {
    await invoke(url, asked, name)
    return { name, handle: gateway.seen('session.live').at(-1)!.session }
  }
  const idle = await open({})
  const busy = await open({ busy: true })
  const idleEndsAtMs = async (): Promise<number> => {
    const view = await askAdmin(gateway, `/api/sessions/${busy.handle}`)
    return Date.parse((await view.json<{ idleEndsAt: string }>()).idleEndsAt)
  }

  for (let step = 0; step < 6; step += 1) {
    await clock.advance(stepMs)
    const nowMs = clock.now()
    await eventually(async () => assert.ok((await idleEndsAtMs()) > nowMs + idleMs - stepMs))
  }
  const first = await gateway.saw('session.closed')
  assert.deepEqual(
    [first.session, first.reason],
    [idle.handle, 'idle'],
    'to be asked is no activity',
  )
  assert.equal(gateway.seen('session.closed').length, 1)

  await invoke(url, { busy: false }, busy.name)
  await eventually(async () => {
    await clock.advance(stepMs)
    assert.equal(gateway.seen('session.closed').length, 2)
  })
  const [, second] = gateway.seen('session.closed')
  assert.deepEqual([second?.session, second?.reason], [busy.handle, 'idle'])
})
