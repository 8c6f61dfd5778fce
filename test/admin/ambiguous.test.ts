import assert from 'node:assert/strict'
import { test } from 'node:test'

import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

test('a beginning that several handles have is refused, and stops none of them', async (t) => {
  const bench = compiled('test/bench/worker.js')
  const gateway = await startTestGateway(t, { one: { command: ['node', bench], http: true } })
  const byFirst = new Map<string, RawSession>()
  let twins: [RawSession, RawSession] | undefined
  // There are sixteen first letters, so that this ends with the seventeenth at the latest.
  while (twins === undefined) {
    const session = await openRaw(gateway.mcp('one'))
    const first = session.handle.slice(0, 1)
    const other = byFirst.get(first)
    if (other !== undefined) twins = [other, session]
    byFirst.set(first, session)
  }
  const [a, b] = twins
  const beginning = a.handle.slice(0, 1)
  for (const method of ['GET', 'DELETE']) {
    const answer = await askAdmin(gateway, `/api/sessions/${beginning}`, { method })
    assert.equal(answer.status, 409)
    const { error } = await answer.json<{ error: { code: string } }>()
    assert.equal(error.code, 'ERR_ADMIN_AMBIGUOUS')
  }
  const stopped = await askAdmin(gateway, `/api/sessions/${a.handle}`, { method: 'DELETE' })
  assert.equal(stopped.status, 200)
  assert.equal((await a.call('x')).status, 404)
  assert.equal((await b.call('x')).status, 200)
})
