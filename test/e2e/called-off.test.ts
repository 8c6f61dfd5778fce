import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { postRpc } from '../support/raw-http.ts'
import type { Owner } from '../support/temp.ts'

/** A session whose worker is starting, and does not come to an end with it. */
async function startStarting(t: Owner) {
  const mark = `BERTH_TEST_MARK=${randomBytes(8).toString('hex')}`
  const [name = '', value = ''] = mark.split('=')
  const gateway = await startTestGateway(t, {
    slow: {
      command: ['node', compiled('test/fixtures/workers/never-listens.js')],
      http: true,
      env: { PATH: process.env['PATH'] ?? '', [name]: value },
    },
  })
  const client = new AbortController()
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }
  const opening = postRpc(gateway.mcp('slow'), initialize, { signal: client.signal }).then(
    ({ status }) => status,
    () => 'gone',
  )
  await eventually(() => assert.notEqual(processesWith(mark).length, 0))
  const nothingLeft = (): void => {
    assert.deepEqual(processesWith(mark), [])
    assert.deepEqual(readdirSync(join(gateway.stateDir, 'workers')), [])
  }
  return { gateway, client, opening, nothingLeft }
}

suite('a session that ends while its worker starts is closed when that is gone', () => {
  test('its client went away', async (t) => {
    const { gateway, client, opening, nothingLeft } = await startStarting(t)
    gateway.events.on('session.closed', nothingLeft)
    client.abort()
    assert.equal(await opening, 'gone')
    assert.equal((await gateway.saw('session.closed')).reason, 'abandoned')
    nothingLeft()
  })

  test('its gateway is closed', async (t) => {
    const { gateway, opening, nothingLeft } = await startStarting(t)
    await gateway.close({ drainMs: 0 })
    nothingLeft()
    assert.equal(gateway.seen('session.closed')[0]?.reason, 'drained')
    assert.equal(await opening, 502)
  })
})
