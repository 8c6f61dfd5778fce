import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { rawRequest, postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { awsError, rpcError, runtimeSession, startRuntime } from './rig.ts'

const gateway = await startRuntime({ after }, { agentcore: { bodyLimitBytes: 10_000 } })
const { arn, url } = gateway.runtime('echo-1')
const id = arn.split('/')[1]!
const at = (name: string, query = ''): string =>
  `${gateway.url}/runtimes/${name}/invocations${query}`
const session = await openRaw(url)
const list = { jsonrpc: '2.0', id: 'l', method: 'tools/list' }

test('a runtime is found by its whole ARN, and by its id with the account', async () => {
  assert.match(arn, /^arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime\/echo_1-\w{10}$/)
  const encoded = encodeURIComponent(arn)
  for (const path of [
    at(encoded),
    at(encoded, '?qualifier=DEFAULT'),
    at(encoded.toLowerCase().replaceAll('%3a', '%3A').replace(id.toLowerCase(), id)),
    at(arn.replace('/', '%2F')),
    at(id, '?accountId=123456789012'),
    at(id, '?qualifier=DEFAULT&accountId=123456789012'),
  ]) {
    const answer = await postRpc(path, list, { sessionId: session.id })
    assert.equal(answer.status, 200, path)
    assert.equal(answer.headers[runtimeSession], session.id, path)
  }
})

test('another ARN, account or qualifier is a resource that is not there', async () => {
  const encoded = encodeURIComponent(arn)
  for (const [path, agent, qualifier = 'DEFAULT'] of [
    [at(encodeURIComponent(arn.replace('us-east-1', 'eu-west-1'))), 'eu-west-1'],
    [at(encodeURIComponent(`${arn}x`)), `${arn}x`],
    [at(id, '?accountId=000000000000'), id],
    [at('echo-1', '?accountId=123456789012'), 'echo-1'],
    [at(encoded, '?qualifier=PROD'), arn, 'PROD'],
    [at(encoded, '?qualifier=DEFAULT&qualifier=DEFAULT'), arn, ''],
  ] as const) {
    for (const method of ['POST', 'GET', 'DELETE']) {
      const answer = await rawRequest(path, { method })
      assert.ok(answer.headers['x-amzn-requestid'])
      const [status, type, message] = await awsError(answer)
      assert.deepEqual([status, type], [404, 'ResourceNotFoundException'])
      assert.ok(message.startsWith(`No endpoint or agent found with qualifier '${qualifier}' for`))
      assert.ok(message.includes(agent), message)
    }
  }
})

test('an id without its account is told what is missing', async () => {
  for (const query of ['', '?accountId=12', '?accountId=1&accountId=2']) {
    const answer = await postRpc(at(id, query), list)
    const { error } = await answer.json()
    assert.deepEqual([answer.status, error?.code], [200, -32006])
    const { message } = error?.data as { message: string }
    assert.match(message, /add accountId=/)
  }
})

test('what AgentCore does not have is an unknown operation', async () => {
  for (const path of ['/runtimes/', `/runtimes/${id}`, `/runtimes/${id}/commands`]) {
    const [status, type] = await awsError(await rawRequest(`${gateway.url}${path}`))
    assert.deepEqual([status, type], [404, 'UnknownOperationException'], path)
  }
})

test('both ids are on every response of a session', async () => {
  assert.match(session.id, /^[a-zA-Z0-9][a-zA-Z0-9-_]{32,99}$/)
  const answers = [
    session.opened,
    await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    await session.call('headers'),
    await session.call('endless'),
    await session.call('status', { code: 500 }),
    await session.post('no json'),
    await session.post({ ...list, id: 'other' }),
    await session.stream(),
  ]
  for (const { headers, rawHeaders } of answers) {
    assert.equal(headers['mcp-session-id'], session.id)
    assert.equal(headers[runtimeSession], session.id)
    assert.ok(headers['x-amzn-requestid'])
    assert.match(headers['access-control-expose-headers'] ?? '', /Runtime-Session-Id/)
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    assert.equal(new Set(names).size, names.length, names.join())
    assert.doesNotMatch(JSON.stringify(rawHeaders), /own-id/)
  }
})

test('a session goes on at either path', async () => {
  const answer = await postRpc(gateway.mcp('echo-1'), list, { sessionId: session.id })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers[runtimeSession], undefined)
})

test('whatever AWS SDKs say of the payload, it is JSON', async () => {
  for (const type of [undefined, 'application/octet-stream', 'text/plain']) {
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'headers' } }
    const { result } = await (
      await session.post(call, { headers: { 'content-type': type } })
    ).json()
    const { headers } = result as { headers: Record<string, string> }
    assert.equal(headers['content-type'], 'application/json')
  }
})

test('requests that are wrong are validation errors with the id of the request', async () => {
  const big = { ...list, params: { text: 'x'.repeat(11_000) } }
  for (const [body, expected] of [
    ['{', null],
    [{ id: 5 }, null],
    [big, null],
  ] as const) {
    assert.deepEqual(await rpcError(await session.post(body)), [200, -32006, expected])
  }
  assert.deepEqual(await rpcError(await postRpc(url, list)), [200, -32006, 'l'])
  const discover = { ...list, method: 'server/discover' }
  assert.deepEqual(await rpcError(await postRpc(url, discover)), [200, -32006, 'l'])
  assert.equal((await rawRequest(url, { headers: { accept: 'text/event-stream' } })).status, 405)
  assert.equal((await rawRequest(url, { method: 'PUT' })).status, 405)
  assert.equal((await rawRequest(url, { method: 'OPTIONS' })).status, 204)
})

test('without both types in Accept it is 406 with -32011', async () => {
  for (const accept of [undefined, 'application/json', 'text/event-stream', 'text/html']) {
    const answer = await postRpc(url, initializeMessage(), { headers: { accept } })
    assert.deepEqual(await rpcError(answer), [406, -32011, null])
  }
})

test('what a worker says of its failure is not for the client', async () => {
  for (const code of [400, 403, 500, 503]) {
    const answer = await session.call('status', { code })
    const { error } = await answer.json()
    assert.deepEqual([answer.status, error?.code], [200, -32010])
    assert.match(error?.message ?? '', new RegExp(`^Received error \\(${code}\\) from runtime\\.`))
    assert.doesNotMatch(JSON.stringify(error), /secret/)
  }
  // With this one it says that it does not know the session, which ends by it.
  assert.equal((await session.call('status', { code: 404 })).status, 404)
  await gateway.saw('session.closed', ({ reason }) => reason === 'worker-exited')
})

test('a DELETE ends the session, and its answer has the ids as well', async () => {
  const other = await openRaw(url)
  const { status, headers } = await other.remove()
  assert.deepEqual(
    [status, headers['mcp-session-id'], headers[runtimeSession]],
    [200, other.id, other.id],
  )
  assert.deepEqual(await rpcError(await other.call('headers')), [404, -32001, 1])
})
