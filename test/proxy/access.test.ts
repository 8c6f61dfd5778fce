import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { after, describe, test } from 'node:test'

import type { AccessRule } from '../../src/auth/access.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { messageOf } from '../support/raw-mcp.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

const owner = { after }
const everybody: AccessRule = {
  ...{ who: undefined, tools: undefined, prompts: undefined, resources: undefined },
}
const access = {
  allow: undefined,
  deny: [{ ...everybody, tools: ['pid', 'hang', 'sec*'], resources: ['note://*'] }],
}
const node = (file: string): ['node', string] => ['node', compiled(`test/fixtures/workers/${file}`)]

/** Says what a list is, in whatever way it is told to by its path. */
const lists: Record<string, (response: ServerResponse, message: string) => void> = {
  json: (response, message) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(message),
  bom: (response, message) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(`\uFEFF${message}`),
  crlf: (response, message) =>
    sse(response).end(`event: message\r\nid: 7\r\ndata: ${message}\r\n\r\n`),
  cr: (response, message) => sse(response).end(`\uFEFFdata: ${message}\r\r`),
  unended: (response, message) => sse(response).end(`data:${message}`),
  split(response, message) {
    sse(response)
    for (const letter of `: hello\n\ndata: ${message}\n\n`) response.write(letter)
    response.end()
  },
  lines(response, message) {
    sse(response).end(`data: ${message.replace(',"result"', '\ndata: ,"result"')}\n\n`)
  },
  escaped: (response, message) =>
    sse(response).end(`data: ${message.replace('"tools"', '"\\u0074ools"')}\n\n`),
}
const sse = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' })

describe('what a caller may not use', async () => {
  const url = await listening(
    owner,
    createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString()))
      request.on('end', () => {
        const { id, method } = JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>
        const say = lists[(request.url ?? '').slice(1)] ?? (() => response.writeHead(405).end())
        const result =
          method === 'tools/list'
            ? { tools: [{ name: 'open' }, { name: 'secret' }, { title: 'nameless' }] }
            : { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'x' } }
        if (id === undefined) response.writeHead(202).end()
        else if (method === 'initialize') {
          lists.json?.(response, JSON.stringify({ jsonrpc: '2.0', id, result }))
        } else say(response, JSON.stringify({ jsonrpc: '2.0', id, result }))
      })
    }),
  )
  const gateway = await startTestGateway(owner, {
    stdio: { command: node('sdk-stdio.js'), access },
    http: { command: node('sdk-server.js'), http: true, access },
    free: { command: node('sdk-server.js'), http: true },
    stateless: { url: `${url}/json`, mode: 'stateless', access },
    ...Object.fromEntries(
      Object.keys(lists).map((name) => [name, { url: `${url}/${name}`, access }]),
    ),
  })
  const ask = async (session: RawSession, method: string, params = {}) =>
    messageOf(await session.post({ jsonrpc: '2.0', id: 'x', method, params }))
  const toolsOf = async (session: RawSession): Promise<string[]> => {
    const { result } = await ask(session, 'tools/list')
    return (result as { tools: { name: string }[] }).tools.map(({ name }) => name)
  }

  for (const server of ['stdio', 'http']) {
    test(`is not listed by a server over ${server}, and called it is unknown`, async () => {
      const session = await openRaw(gateway.mcp(server))
      const tools = await toolsOf(session)
      assert.ok(tools.includes('count') && !tools.includes('pid'), tools.join())
      assert.ok(!tools.includes('hang'), tools.join())
      const { error } = await messageOf(await session.call('pid'))
      assert.deepEqual(error, { code: -32602, message: 'Unknown tool: pid' })
      assert.equal((await ask(session, 'resources/read', { uri: 'note://1' })).error?.code, -32002)
      assert.equal((await ask(session, 'resources/read', { uri: 'NOTE://1' })).error?.code, -32002)
      // A notification may make a server do something, too.
      const params = { name: 'pid' }
      const told = await session.post({ jsonrpc: '2.0', method: 'tools/call', params })
      assert.equal(told.status, 202)
      assert.equal(told.headers['mcp-session-id'], session.id)
    })
  }

  test('is not asked for by a message that can be read in two ways', async () => {
    const session = await openRaw(gateway.mcp('http'))
    for (const params of [
      '{"name":"count","name":"pid"}',
      '{"name":"count","Name":"pid"}',
      '{"name":"count","NAM\\u0045":"pid"}',
    ]) {
      const answer = await session.post(
        `{"jsonrpc":"2.0","id":9,"method":"tools/call","params":${params}}`,
      )
      assert.equal(answer.status, 400, params)
    }
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'roots' } },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'pid' } },
    ]
    const refused = await session.post(batch, { headers: { 'mcp-protocol-version': '2025-03-26' } })
    assert.equal((await refused.json<unknown[]>()).length, 2)
    assert.equal(gateway.seen('roots.requested').length, 0)
  })

  for (const how of Object.keys(lists)) {
    test(`is left out of a list, however it is written: ${how}`, async () => {
      assert.deepEqual(await toolsOf(await openRaw(gateway.mcp(how))), ['open'])
    })
  }

  test('is left out of the first answer of a server that keeps no sessions', async () => {
    const session = await openRaw(gateway.mcp('stateless'))
    assert.deepEqual(await toolsOf({ ...session, post: session.post }), ['open'])
    const first = await fetch(gateway.mcp('stateless'), {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    assert.doesNotMatch(await first.text(), /secret/)
  })

  test('is there where nothing is said of it', async () => {
    assert.ok((await toolsOf(await openRaw(gateway.mcp('free')))).includes('pid'))
  })
})
