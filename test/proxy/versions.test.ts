import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
const gateway = await startTestGateway(
  { after },
  { http: { command, http: true }, stdio: { command } },
)
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
const count = (id: number | string, to: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'count', arguments: { to }, _meta: { progressToken: `t${id}` } },
})
const list = (id: number | string) => ({ jsonrpc: '2.0', id, method: 'resources/list' })

/** Every message of an answer, whether it came as JSON or as events. */
async function messagesOf(answer: RawResponse): Promise<RpcMessage[]> {
  if (answer.headers['content-type'] === 'text/event-stream') {
    const events = await answer.rest()
    return events
      .filter(({ data }) => data !== '')
      .flatMap(({ data }) => JSON.parse(data) as RpcMessage | RpcMessage[])
  }
  return [await answer.json<RpcMessage | RpcMessage[]>()].flat()
}

const idsIn = (messages: RpcMessage[]): unknown[] =>
  messages.filter(({ method }) => method === undefined).map(({ id }) => id)

async function open(server: string, version: string): Promise<RawSession> {
  const session = await openRaw(gateway.mcp(server), version)
  const [answer] = await messagesOf(session.opened)
  assert.equal((answer?.result as { protocolVersion: string }).protocolVersion, version)
  return session
}

const sessions = new Map<string, RawSession>()

for (const server of ['http', 'stdio']) {
  describe(`over ${server}`, () => {
    for (const version of ['2025-03-26', '2025-06-18', '2025-11-25']) {
      test(`a client of ${version} is served in its version`, async () => {
        const session = await open(server, version)
        assert.equal(gateway.seen('session.live').at(-1)?.protocolVersion, version)
        const headers = version < '2025-06-18' ? {} : { 'mcp-protocol-version': version }
        assert.equal((await session.post(initialized, { headers })).status, 202)
        const messages = await messagesOf(await session.post(count(1, 3), { headers }))
        assert.deepEqual(
          messages.map(({ method, id }) => method ?? id),
          [...Array<string>(3).fill('notifications/progress'), 1],
        )
        const wrong = await session.post(list(2), {
          headers: { 'mcp-protocol-version': '1999-01-01' },
        })
        assert.equal(wrong.status, 400)
        sessions.set(`${server} ${version}`, session)
      })
    }

    test('batches of 2025-03-26 go both ways', async () => {
      const session = sessions.get(`${server} 2025-03-26`)!
      const quiet = await session.post([initialized, initialized])
      assert.equal(quiet.status, 202)
      const answer = await session.post([list('a'), count('b', 2), initialized, list(3)])
      assert.equal(answer.status, 200)
      const messages = await messagesOf(answer)
      assert.deepEqual(new Set(idsIn(messages)), new Set(['a', 'b', 3]))
      const ended = gateway.seen('exchange.ended').filter((news) => news.session === session.handle)
      assert.deepEqual(
        ended.slice(-3).map(({ outcome }) => outcome),
        ['answered', 'answered', 'answered'],
      )
    })

    test('a batch that does not fit in is refused as a whole', async () => {
      const session = sessions.get(`${server} 2025-03-26`)!
      const answer = await session.post(Array.from({ length: 65 }, (_, at) => list(at)))
      assert.equal(answer.status, 429)
      const errors = await answer.json<RpcMessage[]>()
      assert.deepEqual(
        idsIn(errors),
        Array.from({ length: 65 }, (_, at) => at),
      )
      assert.equal((await session.post(list(1))).status, 200)
    })
  })
}
