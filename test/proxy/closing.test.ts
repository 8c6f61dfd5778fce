import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'
import type { SseEvent } from '../support/sse.ts'

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

/** Everything that can be open in a session at its end: what is read of it afterwards. */
async function endWithAllOpen(session: RawSession, end: () => Promise<unknown>) {
  const silent = session.call('silent')
  await eventually(() =>
    assert.equal(gateway.seen('exchange.started').at(-1)?.session, session.handle),
  )
  const stream = await session.stream()
  const boundary = await session.call('boundary')
  const midEvent = await session.call('mid-event')
  const halfJson = await session.call('half-json')
  for (const answer of [boundary, midEvent]) {
    assert.match((await answer.next())?.data ?? '', /begun/)
  }
  const restOf = async (answer: typeof stream) =>
    answer.rest().catch((error: unknown) => (error as NodeJS.ErrnoException).code)
  const rests = {
    boundary: restOf(boundary),
    midEvent: restOf(midEvent),
    halfJson: restOf(halfJson),
    stream: restOf(stream),
  }
  void end()
  const answer = await silent
  return {
    silent: { ...answer, message: await answer.json() },
    halfJsonStatus: halfJson.status,
    boundary: await rests.boundary,
    midEvent: await rests.midEvent,
    halfJson: await rests.halfJson,
    stream: await rests.stream,
  }
}

const codeOf = {
  'client-deleted': 'ERR_SESSIONS_ENDED',
  'worker-exited': 'ERR_PROXY_WORKER_CUT',
}

for (const server of ['direct', 'relayed']) {
  for (const reason of ['client-deleted', 'worker-exited'] as const) {
    const isDeleted = reason === 'client-deleted'
    let session: RawSession
    let open: Awaited<ReturnType<typeof endWithAllOpen>>
    const fitting = ({ code, data }: Failure): void => {
      assert.equal(code, isDeleted ? -32001 : -32603)
      assert.equal(data.code, codeOf[reason])
      if (isDeleted) assert.equal(data.reason, reason)
      assert.match(data.requestId, /./)
    }

    describe(`at the end of a session (${server}, ${reason})`, () => {
      before(async () => {
        session = await openRaw(gateway.mcp(server))
        const end = () => (isDeleted ? session.remove() : session.call('die'))
        open = await endWithAllOpen(session, end)
      })

      test('a call that was not answered yet gets an error with its id', () => {
        const { status, headers, message } = open.silent
        assert.equal(status, 502)
        assert.equal(headers['mcp-session-id'], session.id)
        assert.equal(message.id, 1)
        fitting(errorOf(message))
      })

      test('a call on a stream between two events gets an event with its id', () => {
        assert.ok(Array.isArray(open.boundary))
        const [event, ...more] = open.boundary
        const message = JSON.parse(event?.data ?? '') as RpcMessage
        assert.equal(message.id, 2)
        fitting(errorOf(message))
        assert.deepEqual(more, [])
      })

      test('an event that was begun is cut, not patched up', () => {
        if (server === 'direct') {
          assert.equal(open.midEvent, 'ECONNRESET')
          return
        }
        // The keeper had not passed on what it had of it.
        const [event, ...more] = open.midEvent as SseEvent[]
        const message = JSON.parse(event?.data ?? '') as RpcMessage
        assert.equal(message.id, 3)
        fitting(errorOf(message))
        assert.deepEqual(more, [])
      })

      test('JSON that was begun is cut', () => {
        assert.equal(open.halfJsonStatus, 200)
        assert.equal(open.halfJson, 'ECONNRESET')
      })

      test('the operator finds each of these errors by its request', () => {
        const { requestId } = errorOf(open.silent.message).data
        const [told, ...more] = gateway
          .seen('request.failed')
          .filter((news) => news.requestId === requestId)
        assert.deepEqual([told?.code, told?.statusCode], [codeOf[reason], 502])
        assert.deepEqual(more, [])
      })

      test('a stream for messages of the server ends', () => {
        assert.ok(open.stream === 'ECONNRESET' || open.stream?.length === 0)
      })

      test('every call has failed, and later ones get 404 with the reason', async () => {
        const closed = await gateway.saw(
          'session.closed',
          (news) => news.session === session.handle,
        )
        assert.equal(closed.reason, reason)
        const late = await session.call('silent')
        assert.equal(late.status, 404)
        assert.equal(errorOf(await late.json()).data.reason, reason)
        const ended = gateway
          .seen('exchange.ended')
          .filter((news) => news.session === session.handle)
        assert.deepEqual(
          ended.map(({ outcome }) => outcome),
          Array(isDeleted ? 4 : 5).fill('failed'),
        )
      })
    })
  }
}
