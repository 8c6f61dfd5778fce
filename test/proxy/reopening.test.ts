import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient } from '../support/mcp-client.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { postRpc } from '../support/raw-http.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

const idleMs = 15 * 60_000
const lifecycle = { idleMs, maxMs: 8 * 3600_000 }
const sdk = compiled('test/fixtures/workers/sdk-server.js')
const clock = movableClock()
const command: [string, string] = ['node', sdk]
const halfSaid: [string, string] = ['node', compiled('test/fixtures/workers/half-said.js')]
const onExpired = 'reopen'
const gateway = await startTestGateway(
  { after },
  {
    stdio: { command, lifecycle, onExpired },
    http: { command, http: true, lifecycle, onExpired },
    json: { command: halfSaid, http: true, lifecycle, onExpired },
    usual: { command, lifecycle },
  },
  {},
  { clock },
)

const key = 'mcp-berth/reopened'
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }

async function open(server: string): Promise<RawSession> {
  const session = await openRaw(gateway.mcp(server))
  assert.equal((await session.post(initialized)).status, 202)
  return session
}

/** Lets the newest session of its id end by idleness. */
async function expires(handle: string): Promise<void> {
  await clock.advance(idleMs + 1000)
  const closed = await gateway.saw('session.closed', ({ session }) => session === handle)
  assert.equal(closed.reason, 'idle')
}

async function messagesOf(answer: RawResponse): Promise<RpcMessage[]> {
  if (answer.headers['content-type'] === 'application/json') return [await answer.json()]
  const events = await answer.rest()
  return events.flatMap(({ data }) => (data === '' ? [] : (JSON.parse(data) as RpcMessage)))
}

const resultOf = (messages: RpcMessage[]) =>
  messages.at(-1)?.result as { _meta?: Record<string, unknown>; content: [{ text: string }] }
const reopenedAs = async (was: string): Promise<string> =>
  (await gateway.saw('session.reopened', (news) => news.was === was)).session
const reopenings = (was: string): number =>
  gateway.seen('session.reopened').filter((news) => news.was === was).length

describe('a session that has ended goes on under its id', () => {
  for (const server of ['stdio', 'http']) {
    test(`with another worker, of which its client is told: ${server}`, async () => {
      const session = await open(server)
      const before = resultOf(await messagesOf(await session.call('pid')))
      assert.equal(before._meta, undefined)
      await expires(session.handle)
      const answer = await session.call('pid')
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['mcp-session-id'], session.id)
      const messages = await messagesOf(answer)
      const { _meta: meta } = resultOf(messages)
      assert.equal((meta?.[key] as { reason: string }).reason, 'idle')
      if (messages.length > 1) {
        assert.equal(messages[0]?.method, 'notifications/message')
        assert.match(JSON.stringify(messages[0]), /had ended \(idle\)/)
      }
      // Said once, and the same worker from now on.
      const next = resultOf(await messagesOf(await session.call('pid')))
      assert.equal(next._meta, undefined)
      const handle = await reopenedAs(session.handle)
      const shown = await askAdmin(gateway, `/api/sessions/${handle}`)
      const { reopened, client } = (await shown.json()) as unknown as Record<string, unknown>
      assert.deepEqual(reopened, { was: session.handle, reason: 'idle', times: 1 })
      assert.equal(client, 'raw 1')
      // And again, when that one has ended; until the client says that it is enough.
      await expires(handle)
      assert.equal((await session.call('pid')).status, 200)
      const last = await gateway.saw('session.reopened', ({ was }) => was === handle)
      assert.equal(last.times, 2)
      const removed = await session.remove()
      assert.equal(removed.status, 200)
      assert.equal(removed.headers['mcp-session-id'], session.id)
      await gateway.saw('session.closed', (news) => news.session === last.session)
      assert.equal((await session.call('pid')).status, 404)
    })
  }

  test('in plain JSON', async () => {
    const session = await openRaw(gateway.mcp('json'))
    await expires(session.handle)
    const [message] = await messagesOf(await session.call('finished'))
    assert.ok(resultOf([message as RpcMessage])._meta?.[key])
  })

  test('once, however many ask, and all are told', async () => {
    const session = await open('stdio')
    await expires(session.handle)
    const answers = await Promise.all(Array.from({ length: 6 }, () => session.call('pid')))
    const results = (await Promise.all(answers.map(messagesOf))).map(resultOf)
    assert.ok(results.every(({ _meta: meta }) => meta?.[key] !== undefined))
    assert.equal(reopenings(session.handle), 1)
  })

  test('for a client of the SDK that knows nothing of it, with what it can do', async (t) => {
    const elicitation = () => ({ action: 'accept' as const, content: { answer: 'here' } })
    const { client } = await connectClient(t, gateway.mcp('stdio'), { elicitation })
    const { session } = gateway.seen('session.live').at(-1) ?? {}
    await expires(String(session))
    const question = { name: 'ask', arguments: { questions: ['where?'] } }
    const asked = await client.callTool(question)
    assert.ok(asked._meta?.[key])
    assert.match(JSON.stringify(asked.content), /here/)
  })
})

describe('it stays ended', () => {
  test('for all that is no request', async () => {
    const session = await open('stdio')
    await expires(session.handle)
    const answers = await Promise.all([
      session.stream(),
      session.stream({ lastEventId: 'any' }),
      session.post(initialized),
      session.post({ jsonrpc: '2.0', id: 7, result: {} }),
      session.post({ jsonrpc: '2.0', id: 8, method: 'ping' }),
      session.post({ jsonrpc: '2.0', id: 9, method: 'initialize', params: {} }),
      session.post([{ jsonrpc: '2.0', id: 9, method: 'tools/list' }]),
      session.remove(),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 404),
    )
    assert.equal(reopenings(session.handle), 0)
  })

  test('for a stranger, and at another server', async () => {
    const session = await open('stdio')
    await expires(session.handle)
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const elsewhere = await postRpc(gateway.mcp('http'), list, { sessionId: session.id })
    const unknown = await session.post(list, { sessionId: `${session.id}0` })
    assert.deepEqual([elsewhere.status, unknown.status], [404, 404])
    assert.equal((await elsewhere.json()).error?.data, undefined)
    assert.equal(reopenings(session.handle), 0)
  })

  test('where its client or its operator has ended it, or where nothing was configured', async () => {
    const deleted = await open('stdio')
    await deleted.remove()
    const stopped = await open('stdio')
    await askAdmin(gateway, `/api/sessions/${stopped.handle}`, { method: 'DELETE' })
    for (const { handle } of [deleted, stopped]) {
      await gateway.saw('session.closed', ({ session }) => session === handle)
    }
    const usual = await open('usual')
    await expires(usual.handle)
    for (const session of [deleted, stopped, usual]) {
      assert.equal((await session.call('pid')).status, 404)
    }
  })
})

test('is counted', async () => {
  const session = await open('stdio')
  await expires(session.handle)
  await (await session.call('pid')).text()
  await eventually(async () => {
    const metrics = await (await askAdmin(gateway, '/metrics')).text()
    assert.match(metrics, /berth_sessions_reopened_total\{server="stdio"\} [1-9]/)
  })
})
