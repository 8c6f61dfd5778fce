import assert from 'node:assert/strict'
import { ServerResponse } from 'node:http'
import { queryObjects } from 'node:v8'
import test from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

const count = (): number => queryObjects(ServerResponse, { format: 'count' })

test('a session keeps nothing of the requests that have opened it and were answered', async (t) => {
  const gateway = await startTestGateway(t, {
    http: { command: ['node', compiled('test/fixtures/workers/tells-who.js')], http: true },
    stdio: { command: ['node', compiled('test/fixtures/workers/tells-who.js')] },
  })
  const first = await openRaw(gateway.mcp('http'))
  await first.opened.text()
  const before = count()
  const sessions = [first]
  for (const server of ['http', 'http', 'http', 'stdio', 'stdio']) {
    const session = await openRaw(gateway.mcp(server))
    await session.opened.text()
    sessions.push(session)
  }
  await eventually(() => assert.ok(count() - before < 3, `${count() - before} answers are kept`))
  assert.equal(gateway.seen('session.closed').length, 0)
  assert.equal(sessions.length, 6)
})
