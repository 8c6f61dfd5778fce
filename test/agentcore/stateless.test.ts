import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { runtimeServer, runtimeSession } from './rig.ts'

const gateway = await startTestGateway(
  { after },
  {
    stateless: { ...runtimeServer, mode: 'stateless' },
  },
  { caps: { maxSessions: 6 } },
)
const { url } = gateway.runtime('stateless')
const plain = gateway.mcp('stateless')
const call = (name: string, args = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})
const idOf = ({ headers }: RawResponse): string => String(headers['mcp-session-id'])
const pidOf = async (answer: RawResponse): Promise<number> =>
  ((await answer.json()).result as { pid: number }).pid

test('whatever is POSTed without an id opens a session, with an id of the gateway', async () => {
  for (const [path, message, status] of [
    [plain, call('counts'), 200],
    [url, call('counts'), 200],
    [plain, initializeMessage(), 200],
    [plain, { jsonrpc: '2.0', method: 'notifications/initialized' }, 202],
    [plain, [call('counts')], 202],
  ] as const) {
    const opened = await postRpc(path, message)
    assert.equal(opened.status, status)
    const id = idOf(opened)
    assert.match(id, /^[0-9a-f-]{36}$/)
    const answer = await postRpc(path, call('headers'), { sessionId: id })
    assert.equal(idOf(answer), id)
    const { headers } = (await answer.json()).result as { headers: Record<string, string> }
    assert.deepEqual([headers['mcp-session-id'], headers[runtimeSession]], [id, id])
    await rawRequest(path, { method: 'DELETE', headers: { 'mcp-session-id': id } })
    await gateway.saw('session.closed', ({ session }) => session === handleOf(id))
  }
})

test('the first request has the id too, and the second finds the same worker', async () => {
  const opened = await postRpc(plain, call('headers'))
  const { headers } = (await opened.json()).result as { headers: Record<string, string> }
  assert.equal(headers['mcp-session-id'], idOf(opened))
  const pids = await Promise.all(
    [1, 2].map(async () =>
      pidOf(await postRpc(plain, call('counts'), { sessionId: idOf(opened) })),
    ),
  )
  assert.equal(new Set(pids).size, 1)
  const stream = await getStream(plain, { sessionId: idOf(opened) })
  assert.equal(stream.status, 200)
  stream.abort()
})

test('an id that is known to nobody is 404', async () => {
  for (const path of [plain, url]) {
    const answer = await postRpc(path, call('counts'), { sessionId: randomUUID() })
    assert.deepEqual([answer.status, (await answer.json()).error?.code], [404, -32001])
  }
})

test('a name of the client is that of one worker, and of the next one when that was stopped', async () => {
  const name = `a-name-of-my-own-choice-${randomUUID()}`
  const withName = { headers: { [runtimeSession]: name } }
  const ask = async () => postRpc(url, call('counts'), withName)
  const answers = await Promise.all([ask(), ask(), postRpc(url, initializeMessage(), withName)])
  const [id, ...others] = answers.map(idOf)
  assert.deepEqual(new Set(others), new Set([id]))
  const byId = await postRpc(url, call('counts'), { headers: { [runtimeSession]: id } })
  assert.equal(idOf(byId), id)
  const stop = () =>
    rawRequest(url.replace('/invocations', '/stopruntimesession'), {
      method: 'POST',
      headers: withName.headers,
    })
  assert.deepEqual([(await stop()).status, (await stop()).status], [200, 404])
  assert.notEqual(idOf(await ask()), id)
  assert.equal((await stop()).status, 200)
})

test('a first answer of any kind makes it live; one that stays open is an exchange', async () => {
  const open = await postRpc(plain, call('endless'))
  await open.next()
  const handle = handleOf(idOf(open))
  await gateway.saw('session.live', ({ session }) => session === handle)
  const { method } = await gateway.saw('exchange.started', ({ session }) => session === handle)
  assert.equal(method, 'tools/call')
  const removed = await rawRequest(plain, {
    method: 'DELETE',
    headers: { 'mcp-session-id': idOf(open) },
  })
  assert.equal(removed.status, 200)
  assert.match((await open.rest()).at(-1)?.data ?? '', /client-deleted/)

  const failed = await postRpc(url, call('status', { code: 400 }))
  assert.deepEqual([failed.status, (await failed.json()).error?.code], [200, -32010])
  assert.ok(idOf(failed))
})

test('5xx is no first answer', async () => {
  const refused = await postRpc(plain, call('status', { code: 503 }))
  assert.equal(refused.status, 503)
  assert.equal(refused.headers['mcp-session-id'], undefined)
  const closed = await gateway.saw('session.closed', ({ code }) => code !== undefined)
  assert.deepEqual([closed.reason, closed.code], ['start-failed', 'ERR_WORKERS_REFUSED'])
})

test('who never sends an id back has a session for each request, and the idlest make room', async () => {
  const ids: string[] = []
  for (let time = 0; time < 7; time += 1) {
    const answer = await postRpc(plain, call('counts'))
    assert.equal(answer.status, 200)
    ids.push(idOf(answer))
  }
  assert.equal(new Set(ids).size, 7)
  const { reason } = await gateway.saw(
    'session.closed',
    ({ session }) => session === handleOf(ids[0]!),
  )
  assert.equal(reason, 'evicted')
})
