import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'

import type { AccessRule } from '../../src/auth/access.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { connectClient } from '../support/mcp-client.ts'
import { openRaw } from '../support/raw-session.ts'

const rule = (given: Partial<AccessRule>): AccessRule => ({
  ...{ who: undefined, tools: undefined, prompts: undefined, resources: undefined },
  ...given,
})

test('what may not be used of a server, or of the bundle, is not there', async () => {
  const command: ['node', string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
  const deny = [rule({ tools: ['pid'] })]
  const gateway = await startTestGateway(
    { after },
    {
      one: { command, access: { allow: undefined, deny } },
      two: { command },
    },
    {
      bundles: {
        team: {
          servers: '*',
          access: { deny: ['two_hang', 'one_log', 'note://*', 'berth:two:x:*'] },
        },
      },
    },
  )
  const { client, call } = await connectClient({ after }, gateway.bundle('team'))
  const { tools } = await client.listTools()
  const names = tools.map(({ name }) => name)
  for (const name of ['one_count', 'two_count', 'two_pid', 'one_hang']) {
    assert.ok(names.includes(name), name)
  }
  for (const name of ['one_pid', 'two_hang', 'one_log']) {
    assert.ok(!names.includes(name), name)
    await assert.rejects(call(name), { code: -32602, message: new RegExp(`Unknown tool: ${name}`) })
  }
  assert.notEqual((await call('two_pid')).isError, true)
  // An alias is no other resource.
  for (const uri of ['note://1', 'berth:two:note://1', 'berth:two:NOTE://1', 'berth:two:x:y']) {
    await assert.rejects(client.readResource({ uri }), { code: -32002 }, uri)
  }
  // The server alone has the same list.
  const alone = await connectClient({ after }, gateway.mcp('one'))
  await assert.rejects(alone.call('pid'), /Unknown tool: pid/)
})

test('neither a notification nor a stream that goes on is a way to it', async () => {
  const reached: string[] = []
  const heads: unknown[] = []
  let listed = ''
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const type = { 'content-type': 'text/event-stream' }
      if (request.method === 'GET') {
        if (request.headers['last-event-id'] === undefined) response.writeHead(405).end()
        else response.writeHead(200, type).end(listed)
        return
      }
      const { id, method } = JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>
      if (method === 'tools/call') {
        reached.push(text)
        heads.push(request.headers['mcp-name'])
      }
      if (id === undefined) {
        response.writeHead(202).end()
        return
      }
      const result =
        method === 'initialize'
          ? {
              protocolVersion: '2025-11-25',
              capabilities: { tools: {} },
              serverInfo: { name: 'x', version: '1' },
            }
          : method === 'tools/list'
            ? { tools: [{ name: 'open' }, { name: 'secret' }] }
            : { content: [] }
      const event = `id: 1\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`
      if (method === 'tools/list') listed = event
      response.writeHead(200, type).end(event)
    })
  })
  const url = await listening({ after }, server)
  const deny = [rule({ tools: ['secret'] })]
  const gateway = await startTestGateway(
    { after },
    { raw: { url: `${url}/mcp`, access: { allow: undefined, deny } } },
    { bundles: { team: { servers: '*' } } },
  )
  const session = await openRaw(gateway.bundle('team'))
  assert.match(await (await session.post(ask('tools/list'))).text(), /raw_open/)
  const headers = { 'mcp-name': 'secret' }
  assert.match(await (await session.call('raw_open', {}, { headers })).text(), /content/)
  assert.deepEqual([reached.splice(0).length, heads], [1, [undefined]])
  for (const name of ['secret', 'raw_secret', 'open']) {
    const params = { name }
    const told = await session.post({ jsonrpc: '2.0', method: 'tools/call', params })
    assert.equal(told.status, 202)
  }
  const twice = '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","name":"secret"}}'
  assert.equal((await session.post(twice)).status, 202)
  // Requests behind them: what was sent on has come by now.
  assert.match(await (await session.call('raw_open')).text(), /content/)
  assert.equal(reached.length, 1)
  assert.match(listed, /secret/)
  const stream = await session.stream({ lastEventId: 'raw~0' })
  assert.equal(stream.status, 200)
  assert.doesNotMatch(await stream.text(), /secret/)
})

const ask = (method: string) => ({ jsonrpc: '2.0', id: 'ask', method })
