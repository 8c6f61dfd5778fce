import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { after, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

const forgetful = compiled('test/fixtures/workers/forgetful.js')
const gateway = await startTestGateway(
  { after },
  {
    'says-404': { command: ['node', forgetful, '404'], http: true },
    'says-400': { command: ['node', forgetful, '400'], http: true },
  },
)

for (const server of ['says-404', 'says-400']) {
  test(`a worker that does not know its session any more ends it: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    await session.ask('forget')
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await session.call('any')
      assert.equal(answer.status, 404)
      const { id, error } = await answer.json()
      assert.deepEqual([id, error?.code], [2 + tries, -32001])
    }
    const closed = await gateway.saw('session.closed', (news) => news.session === session.handle)
    assert.equal(closed.reason, 'worker-exited')
  })
}

test('other complaints are passed on and end nothing, however long they are', async () => {
  const session = await openRaw(gateway.mcp('says-400'))
  for (const message of ['Unknown argument', `Unknown argument ${'x'.repeat(500_000)}`]) {
    const answer = await session.call('complain', { message })
    assert.equal(answer.status, 400)
    assert.equal(answer.headers['mcp-session-id'], session.id)
    const { error } = await answer.json()
    assert.ok(error?.message === message)
  }
  assert.deepEqual(await session.ask('any'), { tool: 'any' })
  assert.equal(gateway.seen('exchange.ended').at(-1)?.outcome, 'answered')
})

/** A server that nobody here starts or stops, with as many sessions as it is asked for. */
async function startRemote(t: TestContext) {
  const open = new Set<string>()
  const hosts = new Set<string | undefined>()
  const goodbyes: string[] = []
  const server = createServer((request, response) => {
    const { host, authorization, 'mcp-session-id': id = '' } = request.headers
    hosts.add(`${host ?? ''} ${authorization ?? ''}`)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.method === 'DELETE') {
        goodbyes.push(String(id))
        response.writeHead(200).end()
        return
      }
      const { id: rpcId, method } = JSON.parse(Buffer.concat(chunks).toString()) as RpcMessage
      if (method !== 'initialize' && !open.has(String(id))) {
        response.writeHead(404).end()
        return
      }
      const own = method === 'initialize' ? `remote-${open.size + 1}` : String(id)
      open.add(own)
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': own })
      const result = { protocolVersion: '2025-11-25', own }
      response.end(JSON.stringify({ jsonrpc: '2.0', id: rpcId, result }))
    })
  })
  server.listen(0, '127.0.0.1')
  atEnd(t, () => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/deep/mcp?x=1`, port, open, hosts, goodbyes }
}

test('a remote server is shared, and a session that it lost ends as such', async (t) => {
  const remote = await startRemote(t)
  const shared = await startTestGateway(t, { remote: { url: remote.url } })
  const one = await openRaw(shared.mcp('remote'))
  const two = await openRaw(shared.mcp('remote'))
  assert.notEqual(one.id, two.id)
  assert.deepEqual([...remote.open], ['remote-1', 'remote-2'])
  assert.deepEqual(await two.ask('any'), { protocolVersion: '2025-11-25', own: 'remote-2' })
  assert.deepEqual([...remote.hosts], [`127.0.0.1:${remote.port} `])

  remote.open.delete('remote-1')
  assert.equal((await one.call('any')).status, 404)
  const lost = await shared.saw('session.closed')
  assert.deepEqual([lost.session, lost.reason], [one.handle, 'upstream-lost'])
  assert.match(await (await one.call('any')).text(), /upstream-lost/)
  assert.equal((await two.call('any')).status, 200)

  await two.remove()
  await shared.saw('session.closed', ({ session }) => session === two.handle)
  assert.deepEqual(remote.goodbyes, ['remote-2'])
})

test('a remote server that cannot be reached is no reason to wait', async (t) => {
  const shared = await startTestGateway(t, { remote: { url: 'http://127.0.0.1:9/mcp' } })
  await assert.rejects(openRaw(shared.mcp('remote')), /no session: 502 .*ERR_PROXY_WORKER/)
  assert.equal((await shared.saw('session.closed')).reason, 'start-failed')
})
