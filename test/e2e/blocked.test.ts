import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'

const redisServer = needed('redis-server')
const lostAfterMs = 2000

test(
  'a host is not lost because one event loop stands still',
  { skip: redisServer.skip },
  async (t) => {
    if (redisServer.skip !== false) return
    const redis = await startRedis(t, redisServer.path)
    const command: [string, string] = ['node', compiled('test/fixtures/workers/tells-who.js')]
    const start = (stateDir: string) =>
      startGatewayProcess(
        t,
        { plain: { command } },
        { stateDir, overrides: { store: redis.config() }, lostAfterMs },
      )
    const one = await start(sharedStateDir(t))
    const other = await start(sharedStateDir(t))
    const session = await openRaw(one.mcp('plain'))
    assert.equal((await session.post({ jsonrpc: '2.0', id: 1, method: 'ping' })).status, 200)
    await one.block(3 * lostAfterMs)
    assert.deepEqual(other.seen('session.closed'), [])
    assert.equal((await session.post({ jsonrpc: '2.0', id: 2, method: 'ping' })).status, 200)
  },
)
