import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

test('a session has 100 GET streams at most; others, and other requests, are not concerned', async (t) => {
  const gateway = await startTestGateway(t, {
    echo: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true },
  })
  const session = await openRaw(gateway.mcp('echo'))
  const other = await openRaw(gateway.mcp('echo'))
  const resumed = (at: number) => session.stream({ lastEventId: `made-up-${at}` })
  const streams = await Promise.all(Array.from({ length: 100 }, (_, at) => resumed(at)))
  assert.ok(streams.every(({ status }) => status === 200))

  const tooMany = await resumed(100)
  assert.deepEqual([tooMany.status, tooMany.headers['retry-after']], [429, '1'])
  const { error } = await tooMany.json()
  assert.match(error?.message ?? '', /100 GET streams/)
  assert.equal((await session.call('pid')).status, 200)
  assert.equal((await other.stream()).status, 200)

  streams[0]?.abort()
  await eventually(async () => assert.equal((await resumed(101)).status, 200))
})
