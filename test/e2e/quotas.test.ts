import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { QuotaNumbers } from '../../src/proxy/options.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { Owner } from '../support/temp.ts'

const servers: Record<string, TestServer> = {
  echo: { command: ['node', compiled('test/fixtures/workers/tells-who.js')] },
}
const redisServer = needed('redis-server')

async function quotaOf(answer: RawResponse): Promise<unknown> {
  assert.equal(answer.status, 429)
  assert.ok(Number(answer.headers['retry-after']) > 0)
  const { error } = await answer.json()
  return (error?.data as { quota: unknown }).quota
}

describe(
  'quotas of gateways that share a store',
  { skip: redisServer.skip, concurrency: 2 },
  () => {
    if (redisServer.skip !== false) return
    const { path } = redisServer

    async function start(t: Owner, principal: QuotaNumbers) {
      const redis = await startRedis(t, path)
      const stateDir = sharedStateDir(t)
      const overrides = { store: redis.config(), quotas: { principal, groups: [] } }
      const gateway = () => startGatewayProcess(t, servers, { stateDir, overrides })
      return { redis, one: await gateway(), two: await gateway() }
    }

    test('sessions and starts are counted together', async (t) => {
      const { one, two } = await start(t, { sessions: 2, startsPerMinute: 3 })
      const open = (gateway: typeof one): Promise<RawResponse> =>
        postRpc(gateway.mcp('echo'), initializeMessage())

      const session = await openRaw(one.mcp('echo'))
      const other = await openRaw(two.mcp('echo'))
      for (const gateway of [one, two]) {
        assert.equal(await quotaOf(await open(gateway)), 'quotas.principal.sessions')
      }
      // Whichever of them ends it.
      const headers = { 'mcp-session-id': other.id }
      const removed = await rawRequest(one.mcp('echo'), { method: 'DELETE', headers })
      assert.equal(removed.status, 200)
      await eventually(async () => assert.equal((await open(two)).status, 200))
      await rawRequest(one.mcp('echo'), {
        method: 'DELETE',
        headers: { 'mcp-session-id': session.id },
      })
      await eventually(async () =>
        assert.equal(await quotaOf(await open(two)), 'quotas.principal.startsPerMinute'),
      )
    })

    test('of calls no one waits for it, and those of the others are known with its answer', async (t) => {
      const { redis, one, two } = await start(t, { callsPerMinute: 20 })
      const session = await openRaw(one.mcp('echo'))
      const call = (gateway: GatewayProcess): Promise<RawResponse> => {
        const params = { name: 'identify', arguments: {} }
        const message = { jsonrpc: '2.0', id: 'x', method: 'tools/call', params }
        return postRpc(gateway.mcp('echo'), message, { sessionId: session.id })
      }
      assert.equal((await call(two)).status, 200)
      redis.pause()
      for (let calls = 0; calls < 5; calls += 1) assert.equal((await call(one)).status, 200)
      redis.resume()
      for (let calls = 0; calls < 13; calls += 1) assert.equal((await call(two)).status, 200)
      // It has made five itself.
      let more = 0
      await eventually(async () => {
        const answer = await call(one)
        if (answer.status === 200) more += 1
        assert.equal(await quotaOf(answer), 'quotas.principal.callsPerMinute')
      })
      assert.ok(more < 15, `${more} more`)
    })
  },
)
