import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import test from 'node:test'

import type { RemoteLaunch } from '../../src/workers/driver.ts'
import { createRemoteDriver } from '../../src/workers/drivers/remote.ts'
import type { Subject } from '../suites/driver.ts'
import { testDriver } from '../suites/driver.ts'
import { startRig } from './rig.ts'

async function subject(t: TestContext): Promise<Subject> {
  const rig = startRig(t)
  const elsewhere = await rig.start(['tells-who.js'], { http: true })
  const url = `${elsewhere.endpoint.origin}/mcp?tenant=a`
  const launch: RemoteLaunch = {
    kind: 'remote',
    shown: '${URL}',
    url,
    headers: { authorization: 'Bearer a-secret' },
  }
  const base = { workerId: '1'.repeat(16), session: 's', server: 'shared' }
  return {
    driver: createRemoteDriver({ launchOf: (name) => (name === 'shared' ? launch : undefined) }),
    spec: () => ({ ...base, kind: 'remote', launch }),
    wrongSpec: { ...rig.spec(['tells-who.js']) },
    strangers: (handle) => ({
      'a server that is not configured any more': { ...handle, server: 'gone' },
      'no server at all': { driver: 'remote', workerId: handle.workerId },
    }),
    hide: () => undefined,
    processes: () => rig.running().length - 1,
  }
}

testDriver(
  'remote',
  { isolation: 'none', perSession: false, reattach: true, output: false },
  subject,
)

test('a URL server is reached at its own host, path and query', async (t) => {
  const { driver, spec } = await subject(t)
  const { endpoint } = await driver.start(spec(''), new AbortController().signal)
  const { host, origin, path, socketPath } = endpoint
  assert.equal(origin, `http://${host}`)
  assert.equal(path, '/mcp?tenant=a')
  assert.equal(socketPath, undefined)
})
