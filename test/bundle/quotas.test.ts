import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient } from '../support/mcp-client.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'

test('a bundle counts as one session, a call through it as one call, each worker as a start', async () => {
  const command: ['node', string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
  const gateway = await startTestGateway(
    { after },
    { one: { command }, two: { command }, three: { command } },
    {
      bundles: { team: { servers: ['one', 'two'] } },
      quotas: {
        principal: { sessions: 1, startsPerMinute: 2, callsPerMinute: 4, callsInProgress: 1 },
        groups: [],
      },
    },
  )
  const { client, call } = await connectClient({ after }, gateway.bundle('team'))
  await client.listTools()
  // One call in progress is enough for it, though there is one within it.
  for (const name of ['one_pid', 'two_pid', 'one_pid']) {
    const result = await call(name)
    assert.notEqual(result.isError, true, JSON.stringify(result))
  }
  const open = gateway.seen('session.opened').length - gateway.seen('session.closed').length
  assert.equal(open, 3)
  await assert.rejects(call('two_pid'), /quotas\.principal\.callsPerMinute/)
  // The session that it has is the bundle's.
  const refused = await postRpc(gateway.mcp('three'), initializeMessage())
  assert.equal(refused.status, 429)
  assert.match(await refused.text(), /quotas\.principal\.sessions/)
})
