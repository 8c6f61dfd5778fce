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
const command: ['node', string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
const servers: Record<string, TestServer> = {
  stdio: { command },
  http: { command, http: true, relay: true },
}

describe('the session of a bundle', { skip: redisServer.skip }, async () => {
  if (redisServer.skip !== false) return
  const redis = await startRedis(owner, redisServer.path)
  const stateDir = sharedStateDir(owner)
  const overrides = { store: redis.config(), bundles: { team: { servers: '*' } } }
  const start = (): Promise<GatewayProcess> =>
    startGatewayProcess(owner, servers, { stateDir, overrides, lostAfterMs: 1000 })
  const [one, other] = [await start(), await start()]
  const call = (gateway: GatewayProcess, sessionId: string, name: string, args: object = {}) => {
    const params = { name, arguments: args }
    const message = { jsonrpc: '2.0', id: name, method: 'tools/call', params }
    return postRpc(gateway.bundle('team'), message, { sessionId })
  }
  const textAt = async (gateway: GatewayProcess, id: string, name: string): Promise<string> => {
    const { result } = await messageOf(await call(gateway, id, name))
    assert.equal((result as { _meta?: object })._meta, undefined, 'it is the same session')
    return JSON.stringify(result)
  }

  test('is served by two gateways, its members with it', async () => {
    const { id } = await openRaw(one.bundle('team'))
    for (const name of Object.keys(servers)) {
      const first = await textAt(one, id, `${name}_pid`)
      assert.equal(await textAt(other, id, `${name}_pid`), first)
    }
    const opened = one.seen('session.opened').concat(other.seen('session.opened'))
    const theirs = opened.filter(({ principal }) => principal === 'anonymous')
    assert.equal(theirs.filter(({ server }) => server !== 'team').length, 2)
  })

  test('takes at one the answer to what a member has asked at the other', async () => {
    const { id } = await openRaw(one.bundle('team'))
    const asking = await call(one, id, 'stdio_ask', { questions: ['where?'] })
    const [asked] = (await asking.until(({ data }) => data.includes('elicitation'))).slice(-1)
    const question = JSON.parse(asked?.data ?? '{}') as { id: string }
    const result = { action: 'accept', content: { answer: 'there' } }
    const answer = { jsonrpc: '2.0', id: question.id, result }
    const taken = await postRpc(other.bundle('team'), answer, { sessionId: id })
    assert.equal(taken.status, 202)
    assert.match((await asking.rest()).at(-1)?.data ?? '', /there/)
  })

  test('goes on at the other when its gateway is killed, and ends with all its members', async () => {
    const session = await openRaw(one.bundle('team'))
    const first = await textAt(one, session.id, 'stdio_pid')
    await one.kill()
    assert.equal(await textAt(other, session.id, 'stdio_pid'), first)
    const listed = await postRpc(
      other.bundle('team'),
      { jsonrpc: '2.0', id: 'l', method: 'tools/list' },
      { sessionId: session.id },
    )
    assert.match(JSON.stringify(await messageOf(listed)), /http_pid/)
    const removed = await fetch(other.bundle('team'), {
      method: 'DELETE',
      headers: { 'mcp-session-id': session.id },
    })
    assert.equal(removed.status, 200)
    const ended = await other.saw(
      'session.closed',
      ({ server, reason }) => server === 'stdio' && reason === 'client-deleted',
    )
    assert.equal(ended.reason, 'client-deleted')
  })
})
