import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/tells-who.js')]
const gateway = await startTestGateway({ after }, { echo: { command } })

/** How the keeper of the one worker is reached, from its marker. */
function keeper(): { socketPath: string; nonce: string } {
  const folder = join(gateway.stateDir, 'workers')
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.json'))
  const { nonce, handle } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
    nonce: string
    handle: { socketPath: string }
  }
  return { nonce, socketPath: handle.socketPath }
}

test('what a keeper cannot make anything of costs that request, and not its session', async () => {
  const session = await openRaw(gateway.mcp('echo'))
  const { nonce, socketPath } = keeper()
  const ask = (path: string, method: string, body?: string) =>
    rawRequest(`http://keeper${path}`, {
      socketPath,
      method,
      headers: { 'x-berth-nonce': nonce },
      ...(body === undefined ? {} : { body }),
    })
  for (const body of ['', 'x', '[', 'null', '{']) {
    const { status } = await ask('/keeper/start', 'POST', body)
    assert.ok(status === 500 || status === 409, `${body}: ${status}`)
  }
  assert.equal((await ask('/keeper/nothing', 'GET')).status, 404)
  assert.equal((await session.call('identify')).status, 200)
  await session.remove()
  assert.equal((await gateway.saw('session.closed')).reason, 'client-deleted')
})
