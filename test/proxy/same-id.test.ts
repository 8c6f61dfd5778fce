import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { postRpc } from '../support/raw-http.ts'
import { messageOf } from '../support/raw-mcp.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import type { RawSession } from '../support/raw-session.ts'

/** A server that is elsewhere, and answers `silent` when it is asked to `release` it. */
const begun: (() => void)[] = []
const elsewhere = createServer((request, response) => {
  void (async () => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { id, method, params } = JSON.parse(body || '{}') as RpcMessage
    const answer = (result: object): void => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
    if (method === 'initialize') answer({ protocolVersion: '2025-11-25', capabilities: {} })
    else if (id === undefined) response.writeHead(202).end()
    else if (params?.['name'] === 'silent') begun.push(() => answer({ late: true }))
    else {
      for (const end of begun.splice(0)) end()
      answer({})
    }
  })()
})
const origin = await listening({ after }, elsewhere)

const half: [string, string] = ['node', compiled('test/fixtures/workers/half-said.js')]
const waits: [string, string] = ['node', compiled('test/fixtures/workers/answers-when-told.js')]
const gateway = await startTestGateway(
  { after },
  {
    http: { command: half, http: true },
    relay: { command: half, http: true, relay: true },
    stdio: { command: waits },
    url: { url: `${origin}/mcp` },
    stateless: { command: half, http: true, mode: 'stateless' },
  },
)

const calling = (id: string | number, name = 'silent') => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
})

/** Settles when the gateway has counted in so many requests of a session. */
const inProgress = (session: RawSession, count: number): Promise<void> =>
  eventually(() => {
    const of = gateway.seen('exchange.started').filter((one) => one.session === session.handle)
    assert.equal(of.length, count)
  })

for (const server of ['http', 'relay', 'stdio', 'url']) {
  test(`of two requests with one id the second is refused, and the first is answered: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    const first = session.post(calling(1))
    await inProgress(session, 1)
    const second = await session.post(calling(1, 'release'))
    assert.equal(second.status, 400)
    assert.equal(second.headers['mcp-session-id'], session.id)
    const { id, error } = await second.json()
    assert.deepEqual([id, error?.code], [1, -32600])
    assert.match(error?.message ?? '', /id 1 /)
    assert.equal((await session.post([calling(1), calling(2)])).status, 400)

    // The text is another id than the number.
    const text = session.post(calling('1'))
    await inProgress(session, 2)
    assert.match((await (await session.post(calling('1'))).json()).error?.message ?? '', /id "1" /)

    assert.ok((await messageOf(await session.post(calling(3, 'release')))).result)
    for (const answer of [await first, await text]) {
      const { result } = await messageOf(answer)
      assert.deepEqual(result, { late: true })
    }
    const again = await messageOf(await session.post(calling(1, 'release')))
    assert.deepEqual([again.id, again.error], [1, undefined], 'the id is free again')
    const other = await openRaw(gateway.mcp(server))
    assert.ok((await messageOf(await other.post(calling(1, 'release')))).result, 'of a session')
  })
}

test('twice the same id in one batch is refused, and nothing of it is sent', async () => {
  const session = await openRaw(gateway.mcp('http'), '2025-03-26')
  const answer = await session.post([calling(7, 'release'), calling(7, 'release')])
  assert.equal(answer.status, 400)
  const errors = await answer.json<RpcMessage[]>()
  assert.deepEqual(
    errors.map(({ id, error }) => [id, error?.code]),
    [
      [7, -32600],
      [7, -32600],
    ],
  )
  await inProgress(session, 0)
})

test('the id of a cancelled request may be used again', async () => {
  const session = await openRaw(gateway.mcp('http'))
  const first = session.post(calling(1))
  await inProgress(session, 1)
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }
  assert.equal((await session.post(cancel)).status, 202)
  assert.equal((await session.post(calling(1, 'release'))).status, 200)
  await (await first).text()
})

test('a request whose client has gone still has its id', async () => {
  const session = await openRaw(gateway.mcp('http'))
  const gone = new AbortController()
  const first = session.post(calling(1), { signal: gone.signal })
  await inProgress(session, 1)
  gone.abort()
  await assert.rejects(first)
  assert.equal((await session.post(calling(1, 'release'))).status, 400)
  await session.post(calling(2, 'release'))
  await eventually(async () => {
    assert.equal((await session.post(calling(1, 'release'))).status, 200)
  })
})

test('several clients may share a session of a server that keeps none', async () => {
  const opened = await postRpc(gateway.mcp('stateless'), initializeMessage())
  const sessionId = String(opened.headers['mcp-session-id'])
  const at = (message: object) => postRpc(gateway.mcp('stateless'), message, { sessionId })
  const open = [at(calling(1)), at(calling(1))]
  await eventually(() => {
    const calls = gateway.seen('exchange.started').filter((one) => one.server === 'stateless')
    assert.equal(calls.filter(({ method }) => method === 'tools/call').length, 2)
  })
  await at(calling(2, 'release'))
  for (const answer of await Promise.all(open)) {
    assert.deepEqual((await answer.json()).result, { late: true })
  }
})
