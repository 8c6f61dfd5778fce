import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { signedCaller } from '../../src/auth/sigv4.ts'
import { startProvider } from '../auth/provider-rig.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { awsError, signature, startRuntime, stopSession } from './rig.ts'

const provider = await startProvider({ after })
const { discoveryUrl } = provider
const gateway = await startRuntime(
  { after },
  {
    authorization: {
      global: { customJWTAuthorizer: { discoveryUrl, allowedClients: ['c'] } },
    },
  },
  { requestHeaders: ['authorization'] },
)
const { url } = gateway.runtime('echo-1')
const token = await provider.sign({ sub: 'alice', client_id: 'c' })
const bearer = { authorization: `Bearer ${token}` }
const signed = { authorization: signature('AKIA1') }
const mismatch = /^Authorization method mismatch\./

test('without a token it is 401 with -32001, and with the way to a token', async () => {
  const refused = await postRpc(url, initializeMessage())
  assert.equal(refused.status, 401)
  const { error } = await refused.json()
  assert.equal(error?.code, -32001)
  assert.match(error.message, /^Missing Authentication Token/)
  const { 'www-authenticate': challenge = '' } = refused.headers
  const metadata = /^Bearer resource_metadata="([^"]+)"$/.exec(challenge)?.[1] ?? ''
  assert.equal(
    metadata,
    url.replace('/invocations', '/invocations/.well-known/oauth-protected-resource'),
  )
  const document = await (await rawRequest(metadata)).json<Record<string, unknown>>()
  assert.equal(document['resource'], url)
  assert.deepEqual(document['authorization_servers'], [provider.issuer])
})

test('an unknown runtime is answered to nobody without a token', async () => {
  const other = url.replace(/.(?=\/invocations)/, '~')
  assert.equal((await postRpc(other, initializeMessage())).status, 401)
  const [status, type] = await awsError(
    await postRpc(other, initializeMessage(), { headers: bearer }),
  )
  assert.deepEqual([status, type], [404, 'ResourceNotFoundException'])
})

test('a signature is the wrong method, and no token at all is 403 in the shape of the API', async () => {
  for (const answer of [
    await postRpc(url, initializeMessage(), { headers: signed }),
    await stopSession(gateway, 'x'.repeat(40), signed),
  ]) {
    const [status, type, message] = await awsError(answer)
    assert.deepEqual([status, type], [403, 'AccessDeniedException'])
    assert.match(message, mismatch)
  }
  const headers = { authorization: 'Bearer nonsense' }
  const [status, , message] = await awsError(await postRpc(url, initializeMessage(), { headers }))
  assert.equal(status, 403)
  assert.match(message, /^OAuth authorization failed: Failed to parse token/)
})

test('with a token a session is opened, used and stopped; a listed token reaches the worker', async () => {
  const opened = await postRpc(url, initializeMessage(), { headers: bearer })
  const sessionId = String(opened.headers['mcp-session-id'])
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'headers' } }
  const { result } = await (await postRpc(url, call, { sessionId, headers: bearer })).json()
  const { headers } = result as { headers: Record<string, string> }
  assert.equal(headers['authorization'], bearer.authorization)
  assert.equal((await stopSession(gateway, sessionId)).status, 401)
  assert.equal((await stopSession(gateway, sessionId, bearer)).status, 200)
  const [opening] = gateway.seen('session.opened')
  assert.equal(opening?.principal, JSON.stringify([provider.issuer, 'alice']))
})

test('who has signed is told by the access key id, and a signature without one says nothing', () => {
  const callerOf = (authorization: string) =>
    signedCaller({ headers: { authorization }, rawHeaders: [] })?.principal
  assert.equal(callerOf(signature('AKIA1')), 'aws:AKIA1')
  assert.equal(callerOf(signature('a-dummy_key')), 'aws:a-dummy_key')
  for (const other of ['AWS4-HMAC-SHA256 nonsense', signature('a b'), bearer.authorization]) {
    assert.equal(callerOf(other), undefined)
  }
})
