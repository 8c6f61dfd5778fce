import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }
const error = { code: -32602, message: 'I do not like this client.' }
const long = 'x'.repeat(100_000)

/** What each path of a server that is elsewhere answers to whatever it is sent. */
const answers: Record<string, (id: unknown) => object> = {
  '/json': (id) => ({ jsonrpc: '2.0', id, result, error: null }),
  '/json-first': (id) => ({ jsonrpc: '2.0', id, error: null, result }),
  '/events': (id) => ({ events: [{ jsonrpc: '2.0', id, result, error: null }] }),
  '/long-events': (id) => ({
    events: [{ jsonrpc: '2.0', id, error: null, result: { ...result, instructions: long } }],
  }),
  '/both': (id) => ({ jsonrpc: '2.0', id, result, error }),
  '/both-null': (id) => ({ jsonrpc: '2.0', id, result: null, error }),
  '/error-then-result': (id) => ({
    events: [
      { jsonrpc: '2.0', id, error },
      { jsonrpc: '2.0', id, result },
    ],
  }),
  '/batch': (id) => [
    { jsonrpc: '2.0', id, error },
    { jsonrpc: '2.0', id, result },
  ],
  '/of-another': () => ({ jsonrpc: '2.0', id: 'another', result }),
  '/without-id': () => ({ jsonrpc: '2.0', id: null, result }),
  '/another-first': (id) => ({
    events: [
      { jsonrpc: '2.0', id: 'another', error },
      { jsonrpc: '2.0', id, result },
    ],
  }),
}

const elsewhere = createServer((request, response) => {
  void (async () => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { id } = JSON.parse(body || '{}') as RpcMessage
    const answer = answers[request.url ?? '']?.(id) ?? {}
    const { events } = answer as { events?: object[] }
    response.writeHead(200, { 'content-type': events ? 'text/event-stream' : 'application/json' })
    const said = (message: unknown): string => JSON.stringify(message)
    if (events === undefined) response.end(said(answer))
    else response.end(events.map((event) => `data: ${said(event)}\n\n`).join(''))
  })()
})
elsewhere.listen(0, '127.0.0.1')
await once(elsewhere, 'listening')
atEnd({ after }, async () => {
  elsewhere.closeAllConnections()
  await once(elsewhere.close(), 'close')
})

const { port } = elsewhere.address() as AddressInfo
const told = compiled('test/fixtures/workers/answers-when-told.js')
const gateway = await startTestGateway(
  { after },
  {
    stdio: { command: ['node', told, '{"error":null}'] },
    failing: { command: ['node', told, '{"error":{"code":1,"message":"no"}}'] },
    ...Object.fromEntries(
      Object.keys(answers).map((path) => [
        path.slice(1),
        { url: `http://127.0.0.1:${port}${path}` },
      ]),
    ),
  },
)

for (const server of ['stdio', 'json', 'json-first', 'events', 'long-events', 'another-first']) {
  test(`a result opens a session, whatever stands beside it: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    assert.equal((await session.post({ jsonrpc: '2.0', id: 2, method: 'ping' })).status, 200)
  })
}

test('an error opens none, and what comes behind it is not passed on', async () => {
  const answer = await postRpc(gateway.mcp('error-then-result'), initializeMessage())
  assert.equal(answer.headers['mcp-session-id'], undefined)
  const said = (await answer.rest()).map(({ data }) => JSON.parse(data) as RpcMessage)
  assert.deepEqual(said, [{ jsonrpc: '2.0', id: 'init', error }])
  await gateway.saw('session.closed', (news) => news.server === 'error-then-result')
})

for (const server of ['failing', 'both', 'both-null', 'batch', 'of-another', 'without-id']) {
  test(`what is neither a result nor an error alone is not passed on: ${server}`, async () => {
    const answer = await postRpc(gateway.mcp(server), initializeMessage())
    assert.equal(answer.headers['mcp-session-id'], undefined)
    assert.equal(answer.status, 502)
    const { id, error: said, result: none } = await answer.json()
    assert.deepEqual([id, said?.code, none], ['init', -32603, undefined])
  })
}
