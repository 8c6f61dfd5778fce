import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'

import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { rawRequest } from '../support/raw-http.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import { runtimeArnOf } from '../../src/config/runtime-arn.ts'
import { agentServer, invoke } from './agent-rig.ts'
import { runtimeSession } from './rig.ts'

const redisServer = needed('redis-server')
const owner = { after }

describe('two gateways with one store', { skip: redisServer.skip }, async () => {
  if (redisServer.skip !== false) return
  const redis = await startRedis(owner, redisServer.path)
  const stateDir = sharedStateDir(owner)
  const servers = { agent: agentServer }
  const start = () =>
    startGatewayProcess(owner, servers, { stateDir, overrides: { store: redis.config() } })
  const gateways = await Promise.all([start(), start()])
  const [one, other] = gateways
  const urls = gateways.map((gateway) => gateway.mcp('agent').replace(/mcp$/, 'invocations'))
  const [here, there] = [urls[0]!, urls[1]!]
  const arn = runtimeArnOf('agent', { accountId: '123456789012', region: 'us-east-1' })
  const stop = (url: string, name: string) =>
    rawRequest(new URL(`/runtimes/${encodeURIComponent(arn)}/stopruntimesession`, url), {
      method: 'POST',
      headers: { [runtimeSession]: name },
    })

  test('open one worker for a name, though both are asked at once', async () => {
    const name = randomUUID()
    const told = await Promise.all([here, there, here, there].map((url) => invoke(url, {}, name)))
    assert.equal(new Set(told.map(({ me }) => me)).size, 1)
    assert.deepEqual(told.map(({ count }) => count).sort(), [1, 2, 3, 4])
    const opened = gateways.flatMap((gateway) => gateway.seen('session.opened'))
    assert.equal(opened.length, 1)
    assert.match(opened[0]!.session, /^[0-9a-f]{8}$/)
  })

  test('stop it for both, and begin anew once', async () => {
    const name = randomUUID()
    const before = await invoke(here, {}, name)
    assert.equal((await invoke(there, {}, name)).me, before.me)
    assert.equal((await stop(there, name)).status, 200)
    const [first, second] = await Promise.all([invoke(here, {}, name), invoke(there, {}, name)])
    assert.notEqual(first.me, before.me)
    assert.equal(second.me, first.me)
    assert.equal((await stop(here, name)).status, 200)
    assert.equal((await stop(there, name)).status, 404)
  })

  test('find by its name what another one has opened, and that went', async () => {
    const name = randomUUID()
    const { me } = await invoke(here, {}, name)
    await one.kill()
    const found = await invoke(there, {}, name)
    assert.deepEqual([found.me, found.count], [me, 2])
    assert.equal((await stop(there, name)).status, 200)
    await other.saw('session.closed', ({ reason }) => reason === 'stopped')
  })
})
