import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { messageOf } from '../support/raw-mcp.ts'
import { needed } from '../support/needs.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { TestRedis } from '../support/redis.ts'
import { startRedis } from '../support/redis.ts'

const redisServer = needed('redis-server')
const sdk = compiled('test/fixtures/workers/sdk-server.js')
const owner = { after }
const servers: Record<string, TestServer> = {
  stdio: { command: ['node', sdk] },
  relayed: { command: ['node', sdk], http: true, relay: true },
  direct: { command: ['node', sdk], http: true },
}

/** Two gateways of one host with one store. */
async function startReplicas(redis: TestRedis): Promise<[GatewayProcess, GatewayProcess]> {
  const stateDir = sharedStateDir(owner)
  const start = () =>
    startGatewayProcess(owner, servers, { stateDir, overrides: { store: redis.config() } })
  return [await start(), await start()]
}

describe('two gateways with one store', { skip: redisServer.skip, concurrency: 2 }, async () => {
  if (redisServer.skip !== false) return
  const redis = await startRedis(owner, redisServer.path)
  const [one, other] = await startReplicas(redis)

  for (const server of ['stdio', 'relayed', 'direct']) {
    test(`serve each other's sessions: ${server}`, async () => {
      const session = await openRaw(one.mcp(server))
      const there = { url: other.mcp(server), sessionId: session.id }
      await initialized(there)
      const { pid } = await toolAt(there, 'pid')
      assert.deepEqual(await toolAt({ ...there, url: one.mcp(server) }, 'pid'), { pid })
      await other.saw('session.adopted', ({ session: handle }) => handle === session.handle)
    })

    test(`take an answer that comes to another than the call: ${server}`, async () => {
      const session = await openRaw(one.mcp(server))
      const there = { url: other.mcp(server), sessionId: session.id }
      await initialized(there)
      const call = await session.call('ask', { questions: ['where?'] })
      const question = await nextMessage(call)
      assert.equal(question.method, 'elicitation/create')
      const answer = { action: 'accept', content: { answer: 'there' } }
      const taken = await postRpc(
        there.url,
        { jsonrpc: '2.0', id: question.id, result: answer },
        there,
      )
      assert.equal(taken.status, 202)
      assert.match(JSON.stringify((await nextMessage(call)).result), /there/)
    })

    test(`end a session for both: ${server}`, async () => {
      const session = await openRaw(one.mcp(server))
      const there = { url: other.mcp(server), sessionId: session.id }
      await toolAt(there, 'pid').catch(() => undefined)
      const headers = { 'mcp-session-id': session.id }
      const removed = await rawRequest(there.url, { method: 'DELETE', headers })
      assert.equal(removed.status, 200)
      const closed = await other.saw('session.closed', (news) => news.session === session.handle)
      assert.equal(closed.reason, 'client-deleted')
      const late = await session.call('pid')
      assert.equal(late.status, 404)
      const { data } = (await late.json()).error ?? {}
      assert.equal((data as { reason: string }).reason, 'client-deleted')
    })

    // The keeper of a stdio server brings it to the stream of the only open call.
    if (server === 'stdio') continue
    test(`bring to one what a call at the other says: ${server}`, async () => {
      const session = await openRaw(one.mcp(server))
      const there = { url: other.mcp(server), sessionId: session.id }
      await initialized(there)
      const stream = await getStream(there.url, there)
      assert.equal(stream.status, 200)
      const call = session.call('log', { line: 'aside' })
      assert.equal((await nextMessage(stream)).params?.['data'], 'aside')
      assert.match(JSON.stringify((await messageOf(await call)).result), /logged/)
      stream.abort()
    })
  }
})

interface Place {
  url: string
  sessionId: string
}

async function initialized({ url, ...options }: Place): Promise<void> {
  const message = { jsonrpc: '2.0', method: 'notifications/initialized' }
  assert.equal((await postRpc(url, message, options)).status, 202)
}

async function toolAt({ url, ...options }: Place, name: string): Promise<{ pid: unknown }> {
  const message = { jsonrpc: '2.0', id: name, method: 'tools/call', params: { name } }
  const { result, error } = await messageOf(await postRpc(url, message, options))
  assert.equal(error, undefined)
  return { pid: (result as { content: { text: string }[] }).content[0]?.text }
}

/** The next message of a stream. */
async function nextMessage(stream: RawResponse): Promise<RpcMessage> {
  const events = await stream.until(({ data }) => data !== '')
  return JSON.parse(events.at(-1)?.data ?? '') as RpcMessage
}
