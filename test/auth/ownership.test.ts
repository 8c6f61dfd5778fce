import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import type { TestServer } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { startProvider } from './provider-rig.ts'

const echo: TestServer = {
  command: ['node', compiled('test/fixtures/workers/echo.js')],
  http: true,
}
const provider = await startProvider({ after })
const { discoveryUrl } = provider
const gateway = await startTestGateway(
  { after },
  { echo, other: echo, open: echo },
  {
    authorization: {
      global: { customJWTAuthorizer: { discoveryUrl, allowedClients: ['c'] } },
      servers: {
        other: { customJWTAuthorizer: { discoveryUrl, allowedScopes: ['other'] } },
        open: 'none',
      },
    },
  },
)
const url = gateway.mcp('echo')
const tokenOf = async (sub: string | null, more = {}) => ({
  authorization: `Bearer ${await provider.sign({ sub, client_id: 'c', ...more })}`,
})
const alice = await tokenOf('alice')
const eve = await tokenOf('eve')

async function open(headers: Record<string, string>, at = url): Promise<string> {
  const answer = await postRpc(at, initializeMessage(), { headers })
  assert.equal(answer.status, 200, await answer.text())
  return String(answer.headers['mcp-session-id'])
}

const list = { jsonrpc: '2.0', id: 7, method: 'tools/list' }
const id = await open(alice)

test('a session belongs to the principal, as its record says', () => {
  const [opened] = gateway.seen('session.opened')
  assert.equal(opened?.principal, JSON.stringify([provider.issuer, 'alice']))
})

test('a hundred calls with one token cost one look at its signature', async () => {
  for (let n = 0; n < 100; n += 1) {
    const answer = await postRpc(url, list, { sessionId: id, headers: alice })
    assert.equal(answer.status, 200)
    await answer.text()
  }
  assert.equal(gateway.seen('token.examined').length, 1)
})

test('a new token of the same principal goes on with the session', async () => {
  const refreshed = await tokenOf('alice', { jti: 'second', email: 'a@b' })
  assert.notEqual(refreshed.authorization, alice.authorization)
  const answer = await postRpc(url, list, { sessionId: id, headers: refreshed })
  assert.equal(answer.status, 200)
})

test('to another principal a session is like one that never was, by every method', async () => {
  const unknown = 'f'.repeat(36)
  const ways: [string, (sessionId: string) => Promise<RawResponse>][] = [
    ['POST', (sessionId) => postRpc(url, list, { sessionId, headers: eve })],
    ['initialize', (sessionId) => postRpc(url, initializeMessage(), { sessionId, headers: eve })],
    ['GET', (sessionId) => getStream(url, { sessionId, headers: eve })],
    [
      'DELETE',
      (sessionId) =>
        rawRequest(url, { method: 'DELETE', headers: { 'mcp-session-id': sessionId, ...eve } }),
    ],
  ]
  for (const [way, ask] of ways) {
    const [foreign, never] = [await ask(id), await ask(unknown)]
    assert.deepEqual([foreign.status, never.status], [404, 404], way)
    assert.equal(await foreign.text(), await never.text(), way)
    const names = ({ rawHeaders }: RawResponse) => rawHeaders.filter((_, index) => index % 2 === 0)
    assert.deepEqual(names(foreign), names(never), way)
  }
  const answer = await postRpc(url, list, { sessionId: id, headers: alice })
  assert.equal(answer.status, 200, 'and its owner still has it')
})

test('a session without any token is not even looked for', async () => {
  assert.equal((await postRpc(url, list, { sessionId: id })).status, 401)
})

test('a program is not the user whose name is its client id', async () => {
  const program = await tokenOf(null)
  const own = await open(program)
  const user = await tokenOf('c')
  assert.equal((await postRpc(url, list, { sessionId: own, headers: user })).status, 404)
  assert.equal((await postRpc(url, list, { sessionId: own, headers: program })).status, 200)
})

test('each server asks by its own rules, and an id of one is unknown to another', async () => {
  const other = gateway.mcp('other')
  const refused = await postRpc(other, initializeMessage(), { headers: alice })
  assert.equal(refused.status, 403)
  assert.match(refused.headers['www-authenticate'] ?? '', /insufficient_scope.*scope="other"/)
  const scoped = await tokenOf('alice', { scope: 'other', client_id: 'x' })
  assert.equal((await postRpc(other, list, { sessionId: id, headers: scoped })).status, 404)
  assert.equal((await postRpc(url, list, { sessionId: id, headers: scoped })).status, 401)
})

test('a server that is open to all takes anybody, and keeps to itself', async () => {
  const at = gateway.mcp('open')
  const anonymous = await open({}, at)
  assert.equal(gateway.seen('session.opened').at(-1)?.principal, 'anonymous')
  assert.equal((await postRpc(at, list, { sessionId: anonymous, headers: eve })).status, 200)
  assert.equal((await postRpc(url, list, { sessionId: anonymous, headers: alice })).status, 404)
})

test('no worker sees the token', async () => {
  const call = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'headers', arguments: {} },
  }
  const answer = await postRpc(url, call, { sessionId: id, headers: { ...alice, dpop: 'proof' } })
  const { result } = await answer.json()
  const { headers } = result as { headers: Record<string, string> }
  assert.equal(headers['mcp-session-id'], 'own-id-of-the-worker')
  assert.deepEqual([headers.authorization, headers.dpop], [undefined, undefined])
})

test('while the provider is down whoever is known goes on, and others are told to come again', async () => {
  provider.isDown = true
  const answer = await postRpc(url, list, {
    sessionId: id,
    headers: await tokenOf('alice', { jti: 3 }),
  })
  assert.equal(answer.status, 200)
  const late = await startTestGateway(
    { after },
    { echo },
    { authorization: { global: { customJWTAuthorizer: { discoveryUrl } } } },
  )
  const unknown = await postRpc(late.mcp('echo'), initializeMessage(), { headers: alice })
  assert.equal(unknown.status, 503)
  assert.equal(unknown.headers['retry-after'], '5')
  assert.equal(unknown.headers['www-authenticate'], undefined)
  assert.match((await unknown.json()).error?.message ?? '', /ERR_AUTH_PROVIDER/)
  assert.match(late.seen('operator.warned').at(-1)?.message ?? '', /answered 503/)
})
