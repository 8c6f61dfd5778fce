import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { RpcMessage } from '../../src/jsonrpc.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/half-said.js')]
const gateway = await startTestGateway(
  { after },
  { direct: { command, http: true }, relayed: { command, http: true, relay: true } },
)

interface Failure {
  code: number
  message: string
  data: { code: string; requestId: string; reason?: string }
}

const errorOf = ({ error }: RpcMessage): Failure => error as Failure

/** The end of a session: asked for by the client, or because its worker died. */
const endings: Record<string, (session: RawSession) => Promise<unknown>> = {
  'its client deletes it': (session) => session.remove(),
  'its worker dies': (session) => session.call('die'),
}

for (const server of ['direct', 'relayed']) {
  for (const [name, end] of Object.entries(endings)) {
    describe(`when a session ends because ${name} (${server})`, { concurrency: true }, () => {
      const isDeleted = name.includes('client')
      const fitting = ({ code, data }: Failure): void => {
        assert.equal(code, isDeleted ? -32001 : -32603)
        assert.equal(data.code, isDeleted ? 'ERR_SESSIONS_ENDED' : 'ERR_PROXY_WORKER_CUT')
        if (isDeleted) assert.equal(data.reason, 'client-deleted')
        assert.match(data.requestId, /./)
      }

      test('a call that was not answered yet gets an error with its id', async () => {
        const session = await openRaw(gateway.mcp(server))
        const call = session.call('silent')
        await gateway.saw('exchange.started', (news) => news.session === session.handle)
        await end(session)
        const answer = await call
        assert.equal(answer.status, 502)
        assert.equal(answer.headers['mcp-session-id'], session.id)
        const message = await answer.json()
        assert.equal(message.id, 1)
        fitting(errorOf(message))
        await isOver(session, isDeleted ? 'client-deleted' : 'worker-exited')
      })

      test('a call on a stream between two events gets an event with its id', async () => {
        const session = await openRaw(gateway.mcp(server))
        const answer = await session.call('boundary')
        assert.match((await answer.next())?.data ?? '', /begun/)
        await end(session)
        const [event, ...more] = await answer.rest()
        const message = JSON.parse(event?.data ?? '') as RpcMessage
        assert.equal(message.id, 1)
        fitting(errorOf(message))
        assert.deepEqual(more, [])
      })

      test('an event that was begun is never patched up', async () => {
        const session = await openRaw(gateway.mcp(server))
        const answer = await session.call('mid-event')
        assert.match((await answer.next())?.data ?? '', /begun/)
        await end(session)
        await isCut(answer)
      })

      test('JSON that was begun is cut', async () => {
        const session = await openRaw(gateway.mcp(server))
        const answer = await session.call('half-json')
        assert.equal(answer.status, 200)
        await end(session)
        await isCut(answer)
      })

      test('a stream for messages of the server ends', async () => {
        const session = await openRaw(gateway.mcp(server))
        const stream = await session.stream()
        await end(session)
        assert.deepEqual(await stream.rest().catch(() => []), [])
      })
    })
  }
}

async function isCut(answer: RawResponse): Promise<void> {
  await assert.rejects(answer.rest(), { code: 'ECONNRESET' })
}

async function isOver(session: RawSession, reason: string): Promise<void> {
  const closed = await gateway.saw('session.closed', (news) => news.session === session.handle)
  assert.equal(closed.reason, reason)
  const late = await session.call('silent')
  assert.equal(late.status, 404)
  const { reason: told } = errorOf(await late.json()).data
  assert.equal(told, reason)
  const outcomes = gateway
    .seen('exchange.ended')
    .filter((news) => news.session === session.handle)
    .map(({ outcome }) => outcome)
  assert.ok(outcomes.length > 0)
  for (const outcome of outcomes) assert.equal(outcome, 'failed')
}
