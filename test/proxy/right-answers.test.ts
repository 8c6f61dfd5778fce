import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { meanwhile } from '../support/patience.ts'

const elsewhere = createServer((request, response) => {
  request.resume().on('end', () => {
    const long = request.url === '/far' ? 200_000 : 100_000
    response.writeHead(200, { 'content-type': 'application/json', 'x-long': 'x'.repeat(long) })
    const result = { protocolVersion: '2025-11-25', capabilities: {} }
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 'init', result }))
  })
})
const base = await listening({ after }, elsewhere)
const gateway = await startTestGateway(
  { after },
  {
    stdio: { command: ['node', compiled('test/fixtures/workers/answers-when-told.js')] },
    near: { url: `${base}/near`, requestHeaders: ['x-tenant'] },
    far: { url: `${base}/far` },
  },
)

test('a stdio call that takes a moment and says nothing before is answered as JSON', async () => {
  const session = await openRaw(gateway.mcp('stdio'))
  const slow = session.call('silent')
  await meanwhile(200)
  assert.equal((await session.call('release')).status, 200)
  const answer = await slow
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.deepEqual((await answer.json()).result, { late: true })
})

test('a compressed message is refused, and the client is told what is taken', async () => {
  for (const encoding of ['gzip', 'br', 'identity, gzip']) {
    const headers = { 'content-encoding': encoding }
    const answer = await postRpc(gateway.mcp('stdio'), initializeMessage(), { headers })
    assert.equal(answer.status, 415, encoding)
    assert.equal(answer.headers['accept-encoding'], 'identity')
    assert.equal((await answer.json()).error?.code, -32600)
  }
  const headers = { 'content-encoding': 'identity' }
  const taken = await postRpc(gateway.mcp('stdio'), initializeMessage(), { headers })
  assert.equal(taken.status, 200)
})

test('the head of an answer may be as long as that of a request, and a longer one is an error', async () => {
  assert.equal((await postRpc(gateway.mcp('near'), initializeMessage())).status, 200)
  const far = await postRpc(gateway.mcp('far'), initializeMessage())
  assert.equal(far.status, 502)
  assert.equal((await far.json()).error?.code, -32603)
})

test('a page may send what requestHeaderAllowlist names', async () => {
  const { headers } = await rawRequest(gateway.mcp('near'), {
    ...{ method: 'OPTIONS', headers: { origin: 'http://localhost:3000' } },
  })
  assert.match(String(headers['access-control-allow-headers']), /, x-tenant$/)
})

test('HEAD is answered wherever GET is, without a body', async () => {
  for (const path of ['/healthz', '/readyz', '/.well-known/oauth-protected-resource/none']) {
    const url = `${gateway.url}${path}`
    const [got, head] = await Promise.all([rawRequest(url), rawRequest(url, { method: 'HEAD' })])
    assert.equal(head.status, got.status, path)
    assert.equal(head.headers['content-length'], got.headers['content-length'], path)
    assert.equal(await head.text(), '')
  }
})
