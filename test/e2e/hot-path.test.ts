import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'

import { atEnd } from '../support/at-end.ts'
import { startTestGateway } from '../support/gateway.ts'
import { need } from '../support/needs.ts'
import { openRaw } from '../support/raw-session.ts'
import type { TestRedis } from '../support/redis.ts'
import { startRedis } from '../support/redis.ts'
import type { Owner } from '../support/temp.ts'

/** The bar is 500 scripts and messages for 10 000 calls on 100 sessions; here in proportion. */
const sessions = 100
const calls = 2000
const bar = 100
/** What a gateway says of itself and its sessions whether they are called or not. */
const perSecond = 2

describe('calls of known sessions', () => {
  test('do not wait for Redis, nor make it work', async (t) => {
    const path = need(t, 'redis-server')
    if (path === undefined) return
    const redis = await startRedis(t, path)
    const upstream = await startUpstream(t)
    const { port } = upstream.address() as AddressInfo
    const gateway = await startTestGateway(
      t,
      { echo: { url: `http://127.0.0.1:${port}/mcp` } },
      { store: redis.config() },
    )
    const url = gateway.mcp('echo')
    const open = await Promise.all(Array.from({ length: sessions }, () => openRaw(url)))
    for (const session of open) assert.equal((await session.call('any')).status, 200)

    const before = await commandsOf(redis)
    const beganAtMs = performance.now()
    for (let call = 0; call < calls; call += 1) {
      const session = open[call % sessions]!
      assert.equal((await session.call('any')).status, 200)
    }
    const after = await commandsOf(redis)
    const ran = after.scripts - before.scripts
    const seconds = (performance.now() - beganAtMs) / 1000
    const most = bar + perSecond * seconds
    assert.ok(ran <= most, `${ran} scripts and messages for ${calls} calls in ${seconds} s`)
    assert.equal(after.reads - before.reads, 0)
  })
})

/** An MCP server that answers everything at once. */
async function startUpstream(t: Owner): Promise<Server> {
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const { id } = JSON.parse(text || '{}') as { id?: unknown }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => {
    server.close()
    server.closeAllConnections()
  })
  return server
}

/** What Redis was asked so far. */
async function commandsOf({ client }: TestRedis): Promise<{ scripts: number; reads: number }> {
  const stats = await client.info('commandstats')
  const count = (commands: RegExp): number =>
    [...stats.matchAll(commands)].reduce((sum, [, calls]) => sum + Number(calls), 0)
  return {
    scripts: count(/^cmdstat_(?:evalsha|publish):calls=(\d+)/gm),
    // Of records outside of scripts; those have HMGET.
    reads: count(/^cmdstat_hgetall:calls=(\d+)/gm),
  }
}
