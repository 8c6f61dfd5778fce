import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import type { RawSession } from '../support/raw-session.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/echo.js')]
const gateway = await startTestGateway(
  { after },
  { echo: { command, http: true }, other: { command, http: true } },
)
const url = gateway.mcp('echo')
const list = { jsonrpc: '2.0', id: 3, method: 'tools/list' }

async function withId(id: string | string[], method = 'POST', at = url) {
  const answer = await rawRequest(at, {
    method,
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': method === 'POST' ? 'application/json' : undefined,
      'mcp-session-id': id,
    },
    ...(method === 'POST' ? { body: list } : {}),
  })
  return { status: answer.status, text: await answer.text() }
}

async function ended(): Promise<RawSession> {
  const session = await openRaw(url)
  await session.remove()
  await gateway.saw('session.closed', (news) => news.session === session.handle)
  return session
}

test('an id that is unknown, malformed or of another server is answered alike', async () => {
  const session = await openRaw(gateway.mcp('other'))
  const unknown = await withId('d9428888-122b-11e1-b85c-61cd3cbb3210')
  assert.equal(unknown.status, 404)
  assert.deepEqual(JSON.parse(unknown.text), {
    jsonrpc: '2.0',
    error: { code: -32001, message: 'Session not found. Open a new one with initialize.' },
    id: 3,
  })
  assert.deepEqual(await withId(session.id), unknown, 'of another server')
  // What can be no id at all is refused before the body is read, so that its id is not known.
  const unread = unknown.text.replace('"id":3', '"id":null')
  for (const id of ['', 'with space', 'tab\there', 'x'.repeat(2000)]) {
    assert.deepEqual(await withId(id), { status: 404, text: unread }, id.slice(0, 50))
  }
  const two = await withId([session.id, session.id])
  assert.equal(two.status, 400)
  assert.match(two.text, /more than one Mcp-Session-Id header/)
})

test('GET and DELETE with an id that is not served get 404 as well', async () => {
  const { id } = await ended()
  for (const method of ['GET', 'DELETE']) {
    assert.equal((await withId(id, method)).status, 404, method)
    assert.equal((await withId('unknown', method)).status, 404, method)
  }
})

test('the owner of an ended session is told why and when it ended', async () => {
  const session = await ended()
  const { status, text } = await withId(session.id)
  assert.equal(status, 404)
  const { error, id } = JSON.parse(text) as { error: { code: number; data: object }; id: number }
  assert.equal(error.code, -32001)
  assert.equal(id, 3)
  const { reason, endedAt } = error.data as { reason: string; endedAt: string }
  assert.equal(reason, 'client-deleted')
  assert.ok(Math.abs(Date.now() - Date.parse(endedAt)) < 60_000)
})

test('an ended session is told of to nobody at another server', async () => {
  const session = await ended()
  const { status, text } = await withId(session.id, 'POST', gateway.mcp('other'))
  assert.equal(status, 404)
  assert.doesNotMatch(text, /client-deleted|data/)
})

test('a miss is news with its reason and the handle, never the id', async () => {
  const session = await ended()
  await withId(session.id)
  await withId('never-there')
  const [own, unknown] = gateway.seen('session.missed').slice(-2)
  assert.deepEqual(own, { server: 'echo', session: session.handle, reason: 'client-deleted' })
  assert.equal(unknown?.reason, 'unknown')
  assert.doesNotMatch(JSON.stringify([own, unknown]), new RegExp(`${session.id}|never-there`))
})

test('initialize with a live id is forwarded; with any other id it gets 404', async () => {
  const session = await openRaw(url)
  const again = await session.post(initializeMessage('2025-06-18', 'again'))
  assert.equal(again.status, 200)
  assert.equal(again.headers['mcp-session-id'], session.id)
  assert.equal((await again.json()).id, 'again')
  const opened = gateway.seen('session.opened').length
  const { id } = await ended()
  for (const stale of [id, 'unknown']) {
    const answer = await postRpc(url, initializeMessage(), { sessionId: stale })
    assert.equal(answer.status, 404)
    assert.equal((await answer.json()).error?.code, -32001)
  }
  assert.equal(gateway.seen('session.opened').length, opened + 1)
})

test('ids are random, and each session has its own', async () => {
  const ids = await Promise.all([1, 2, 3].map(async () => (await openRaw(url)).id))
  assert.equal(new Set(ids).size, 3)
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
