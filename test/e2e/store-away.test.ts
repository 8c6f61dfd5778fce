import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { descendants, processesWith } from '../support/processes.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { Owner } from '../support/temp.ts'

const redisServer = needed('redis-server')
const servers: Record<string, TestServer> = {
  echo: { command: ['node', compiled('test/fixtures/workers/tells-who.js')] },
}

describe('while the store is away', { skip: redisServer.skip, concurrency: 3 }, () => {
  if (redisServer.skip !== false) return
  const { path } = redisServer

  async function start(t: Owner, options: { durable?: boolean } = {}) {
    const redis = await startRedis(t, path, options)
    const stateDir = sharedStateDir(t)
    const gateway = () =>
      startGatewayProcess(t, servers, {
        stateDir,
        overrides: { store: redis.config() },
        lostAfterMs: 8000,
      })
    return { redis, one: await gateway(), other: await gateway() }
  }

  for (const durable of [true, false]) {
    const data = durable ? 'its data' : 'nothing'
    test(`open sessions go on and new ones wait; it comes back with ${data}`, async (t) => {
      const { redis, one, other } = await start(t, { durable })
      const session = await openRaw(one.mcp('echo'))
      const unseen = await openRaw(other.mcp('echo'))
      const readiness = async (): Promise<number[]> => {
        const urls = [one, other].map((gateway) => new URL('/readyz', gateway.mcp('echo')))
        return (await Promise.all(urls.map((url) => rawRequest(url)))).map(({ status }) => status)
      }
      assert.deepEqual(await readiness(), [200, 200])

      await redis.stop('SIGKILL')
      await eventually(async () => assert.deepEqual(await readiness(), [503, 503]))
      assert.equal((await session.call('identify')).status, 200)
      const refused = await postRpc(one.mcp('echo'), initializeMessage())
      assert.equal(refused.status, 503)
      assert.equal(refused.headers['retry-after'], '5')
      assert.match(await refused.text(), /ERR_SESSIONS_STORE|store of sessions/)
      // Nobody can say what this is: not that it is gone.
      const asked = { sessionId: 'a0b1c2d3-0000-4000-8000-000000000000' }
      const unknown = await postRpc(
        one.mcp('echo'),
        { jsonrpc: '2.0', id: 1, method: 'ping' },
        asked,
      )
      assert.equal(unknown.status, 503)

      await redis.start()
      await eventually(async () => assert.deepEqual(await readiness(), [200, 200]))
      for (const { id } of [session, unseen]) {
        for (const gateway of [one, other]) {
          const params = { name: 'identify', arguments: {} }
          const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
          const answer = await postRpc(gateway.mcp('echo'), message, { sessionId: id })
          assert.equal(answer.status, 200)
        }
      }
      assert.equal((await openRaw(one.mcp('echo'))).opened.status, 200)
      assert.deepEqual([...one.seen('session.closed'), ...other.seen('session.closed')], [])
    })
  }

  test('a gateway whose Redis is full is not ready, says why, and comes back by itself', async (t) => {
    const { redis, one } = await start(t)
    const session = await openRaw(one.mcp('echo'))
    const readiness = async (): Promise<[number, string]> => {
      const { status, text } = await rawRequest(new URL('/readyz', one.mcp('echo')))
      return [status, await text()]
    }
    assert.deepEqual(await readiness(), [200, '{"status":"ok"}'])
    await redis.client.config('SET', 'maxmemory', '1')
    await eventually(async () => {
      const [status, said] = await readiness()
      assert.equal(status, 503)
      assert.match(said, /"reason":"Redis is full/)
    })
    const warned = await one.saw('operator.warned', ({ message }) => message.includes('store'))
    assert.match(warned.message, /Redis is full.*open sessions go on/)
    assert.equal((await postRpc(one.mcp('echo'), initializeMessage())).status, 503)
    assert.equal((await session.call('identify')).status, 200)
    await redis.client.config('SET', 'maxmemory', '0')
    await eventually(async () => assert.equal((await readiness())[0], 200))
    assert.equal((await openRaw(one.mcp('echo'))).opened.status, 200)
  })

  test('a worker that dies meanwhile has ended once, whoever saw it', async (t) => {
    const { redis, one, other } = await start(t, { durable: true })
    const session = await openRaw(one.mcp('echo'))
    await other.saw('session.adopted')
    const [server] = processesWith(`/sessions/${session.handle}/`).filter(
      ({ pid }) => descendants(pid).length === 0,
    )
    await redis.stop()
    process.kill(server?.pid ?? 0, 'SIGKILL')
    for (const gateway of [one, other]) await gateway.saw('worker.exited')
    await redis.start()
    const ends = () => [one, other].flatMap((gateway) => gateway.seen('session.closed'))
    const releases = () => [one, other].flatMap((gateway) => gateway.seen('session.released'))
    await eventually(() => assert.equal(ends().length + releases().length, 2))
    assert.deepEqual(
      ends().map(({ reason }) => reason),
      ['worker-exited'],
    )
  })
})
