import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { postRpc } from '../support/raw-http.ts'
import { messageOf } from '../support/raw-mcp.ts'
import { openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'

const redisServer = needed('redis-server')
const owner = { after }
const servers: Record<string, TestServer> = {
  stdio: {
    command: ['node', compiled('test/fixtures/workers/sdk-server.js')],
    lifecycle: { idleMs: 400, maxMs: 600_000 },
    onExpired: 'reopen',
  },
}

describe('a session that goes on under its id', { skip: redisServer.skip }, async () => {
  if (redisServer.skip !== false) return
  const redis = await startRedis(owner, redisServer.path)
  const stateDir = sharedStateDir(owner)
  const start = (): Promise<GatewayProcess> =>
    startGatewayProcess(owner, servers, {
      ...{ stateDir, overrides: { store: redis.config() }, lostAfterMs: 1000 },
    })
  const [one, other] = [await start(), await start()]

  test('is opened once by two gateways, and known to both', async () => {
    const session = await openRaw(one.mcp('stdio'))
    const isIt = (news: { session: string }): boolean => news.session === session.handle
    const closed = [one.saw('session.closed', isIt), other.saw('session.closed', isIt)]
    assert.equal((await Promise.race(closed)).reason, 'idle')
    const call = async ({ mcp }: GatewayProcess, id: number) => {
      const message = { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'pid' } }
      const answer = await postRpc(mcp('stdio'), message, { sessionId: session.id })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['mcp-session-id'], session.id)
      return (await messageOf(answer)).result as { _meta?: Record<string, unknown> }
    }
    const at = [one, other, one, other, one, other]
    const results = await Promise.all(at.map((gateway, id) => call(gateway, id)))
    assert.ok(results.every(({ _meta: meta }) => meta?.['mcp-berth/reopened'] !== undefined))
    const next = await Promise.all([call(one, 10), call(other, 11)])
    assert.ok(next.every(({ _meta: meta }) => meta === undefined))
    const keys = await redis.client.keys('*:session:*')
    assert.equal(keys.length, 2)
  })
})
