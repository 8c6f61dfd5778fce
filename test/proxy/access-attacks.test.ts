import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { after, describe, test } from 'node:test'

import type { AccessRule } from '../../src/auth/access.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { postRpc } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const owner = { after }
const nothing: AccessRule = {
  ...{ who: undefined, tools: undefined, prompts: undefined, resources: undefined },
}
const deny: AccessRule = {
  ...nothing,
  ...{ tools: ['secret'], prompts: ['secret'], resources: ['file:///secret/*', 'https://a.b'] },
}
const access = { allow: undefined, deny: [deny] }

/** What a list is answered with by a server whose path ends so. */
const answers: Record<string, (response: ServerResponse, message: string) => void> = {
  plain: (response, message) => json(response).end(message),
  nan: (response, message) => json(response).end(message.replace('"tools"', '"x":NaN,"tools"')),
  gzip: (response, message) => json(response, { 'content-encoding': 'gzip' }).end(message),
  'nan-events': (response, message) =>
    json(response, { 'content-type': 'text/event-stream' }).end(
      `data: ${message.replace('"tools"', '"x":NaN,"tools"')}\n\n`,
    ),
  text: (response, message) => json(response, { 'content-type': 'text/plain' }).end(message),
  long: (response, message) => json(response).end(`${message}${' '.repeat(5 * 1024 * 1024)}`),
}
/** What a call is answered with; else it is a list. */
const big = 'x'.repeat(9 * 1024 * 1024)
const calls: Record<string, (response: ServerResponse, id: unknown) => void> = {
  'nan-events': (response, id) =>
    json(response, { 'content-type': 'text/event-stream' }).end(
      `data: {"id":${JSON.stringify(id)},"jsonrpc":"2.0","result":{"text":"${big}"}}\n\n`,
    ),
  long: (response, id) =>
    json(response).end(`{"id":${JSON.stringify(id)},"jsonrpc":"2.0","result":{"text":"${big}"}}`),
  nan: (response, id) =>
    json(response).end(`{"id":${JSON.stringify(id)},"jsonrpc":"2.0","result":{"tools":NaN}}`),
}
const json = (response: ServerResponse, headers = {}): ServerResponse =>
  response.writeHead(200, { 'content-type': 'application/json', ...headers })

async function readAll(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

describe('ways around what a caller may use', async () => {
  /** What has reached the server but for `initialize`. */
  const reached: string[] = []
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await readAll(request)
    const path = (request.url ?? '').slice(1)
    if (request.method === 'GET') {
      if (request.headers['last-event-id'] === undefined) {
        response.writeHead(405).end()
        return
      }
      const list = { tools: [{ name: 'open' }, { name: 'secret' }] }
      json(response, { 'content-type': 'text/event-stream' }).end(
        `id: 9\nretry: 100\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 'x', result: list })}\n\n`,
      )
      return
    }
    if (request.method !== 'POST') {
      response.writeHead(200).end()
      return
    }
    const first = text.includes('"initialize"')
    if (!first) reached.push(text)
    const said = JSON.parse(text) as { id?: unknown; method?: string }
    if (said.id === undefined) {
      response.writeHead(202).end()
      return
    }
    const result = first
      ? { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'x' } }
      : { tools: [{ name: 'open' }, { name: 'secret' }] }
    const message = JSON.stringify({ jsonrpc: '2.0', id: said.id, result })
    const called = said.method === 'tools/call' ? calls[path] : undefined
    if (called !== undefined) {
      called(response, said.id)
      return
    }
    const answer = first ? answers.plain : answers[path]
    answer?.(response, message)
  }
  const url = await listening(
    owner,
    createServer((request, response) => void take(request, response)),
  )
  const gateway = await startTestGateway(owner, {
    ...Object.fromEntries(
      Object.keys(answers).map((name) => [name, { url: `${url}/${name}`, access }]),
    ),
    stateless: { url: `${url}/plain`, mode: 'stateless', access },
  })
  const session = await openRaw(gateway.mcp('plain'))
  const refused = async (answer: RawResponse, status: number, code: number): Promise<void> => {
    const text = await answer.text()
    assert.equal(answer.status, status, text)
    assert.equal((JSON.parse(text) as { error: { code: number } }).error.code, code, text)
    assert.deepEqual(reached.splice(0), [])
  }
  const call = (method: string, params: unknown) => ({ jsonrpc: '2.0', id: 1, method, params })

  test('another name of a resource does not lead to it', async () => {
    for (const uri of [
      ...['file:///secret/x', 'FILE:/secret/x', 'file://localhost/secret/x', 'file:////secret//x'],
      ...[
        'file:///a/..//secret/x',
        'file:///%73ecret/x',
        'file:///%2573ecret/x',
        ' file:///secret/x',
      ],
      ...['file:///sec\tret/x', 'file:///\nsecret/x', 'file:///secret%2Fx', 'file:///secret\\x'],
      ...['https://a.b', 'https://a.b/', 'HTTPS://A.B', 'https://a.b?x', 'https://a.b/#y'],
    ]) {
      for (const method of ['resources/read', 'resources/subscribe']) {
        await refused(await session.post(call(method, { uri })), 200, -32002)
      }
      const ref = { type: 'ref/resource', uri }
      await refused(await session.post(call('completion/complete', { ref })), 200, -32002)
    }
    const ref = { type: 'ref/prompt', name: 'secret' }
    await refused(await session.post(call('completion/complete', { ref })), 200, -32602)
    await refused(await session.post(call('prompts/get', { name: 'secret' })), 200, -32602)
    await session.post(call('resources/read', { uri: 'file:///public/x' }))
    assert.equal(reached.splice(0).length, 1)
  })

  test('a body that a server may decode in another way is refused', async () => {
    const message = call('tools/call', { name: '+AHMAZQBjAHIAZQB0-' })
    for (const [name, value] of [
      ['content-type', 'application/json; charset=utf-7'],
      ['content-type', 'application/json; charset="UTF-8"; charset=utf-7'],
      ['content-type', "application/json; charset*=utf-8''utf-7"],
      ['content-type', 'application/json; charset=utf-8-x'],
    ] as const) {
      await refused(await session.post(message, { headers: { [name]: value } }), 400, -32600)
    }
    const overlong = Buffer.from(JSON.stringify(call('tools/call', { name: 'xxecret' })))
    overlong.set([0xc1, 0xb3], overlong.indexOf('xx'))
    await refused(await session.post(overlong), 400, -32600)
    const headers = { 'content-type': 'application/json; charset=UTF-8' }
    await session.post(message, { headers })
    assert.equal(reached.splice(0).length, 1)
  })

  test('what the head says is what the body says', async () => {
    const open = call('tools/call', { name: 'öpen' })
    for (const headers of [
      { 'mcp-name': 'secret' },
      { 'mcp-name': '=?base64?c2VjcmV0?=' },
      { 'mcp-method': 'prompts/get' },
    ]) {
      await refused(await session.post(open, { headers }), 400, -32600)
    }
    const name = `=?base64?${Buffer.from('öpen').toString('base64')}?=`
    await session.post(open, { headers: { 'mcp-method': 'tools/call', 'mcp-name': name } })
    await session.post(call('tools/list', {}), { headers: { 'mcp-method': 'tools/list' } })
    assert.equal(reached.splice(0).length, 2)
  })

  test('a first message says in one way only what it is', async () => {
    const hello = '"jsonrpc":"2.0","id":1,"params":{"name":"secret","protocolVersion":"2025-11-25"}'
    const twice = `{"method":"tools/call",${hello},"method":"initialize"}`
    await refused(await postRpc(gateway.mcp('plain'), twice), 400, -32600)
    const called = call('tools/call', { name: 'secret' })
    await refused(await postRpc(gateway.mcp('stateless'), called), 200, -32602)
  })

  test('a name is found at the address of AgentCore as well', async () => {
    const { url: runtime } = gateway.runtime('plain')
    const headers = { 'mcp-session-id': session.id }
    await refused(
      await postRpc(runtime, call('tools/call', { name: 'secret' }), { headers }),
      200,
      -32602,
    )
    const listed = await postRpc(runtime, call('tools/list', {}), { headers })
    assert.doesNotMatch(await listed.text(), /secret/)
    reached.length = 0
  })

  test('a stream that goes on brings no more than the first time', async () => {
    const stream = await session.stream({ lastEventId: '8' })
    const [event] = await stream.rest()
    assert.deepEqual(JSON.parse(event?.data ?? ''), {
      ...{ jsonrpc: '2.0', id: 'x', result: { tools: [{ name: 'open' }] } },
    })
    assert.equal(event?.id, '9')
  })

  for (const how of ['nan', 'gzip', 'nan-events', 'long']) {
    test(`a list that cannot be looked into is not passed on: ${how}`, async () => {
      const own = await openRaw(gateway.mcp(how))
      const answer = await own.post(call('tools/list', {}))
      const text = await answer.text()
      assert.doesNotMatch(text, /secret/)
      assert.match(text, /cannot be left out|"code":-32603/)
      reached.length = 0
    })
  }

  test('a list is left out of the answer to a call, too', async () => {
    // As of a server that takes two requests with one id for each other.
    const answer = await session.post(call('tools/call', { name: 'open' }))
    assert.deepEqual((await answer.json()).result, { tools: [{ name: 'open' }] })
    reached.length = 0
  })

  for (const how of Object.keys(calls)) {
    test(`the answer to a call passes, also where it cannot be looked into: ${how}`, async () => {
      const own = await openRaw(gateway.mcp(how))
      const answer = await own.post(call('tools/call', { name: 'open' }))
      const text = await answer.text()
      assert.equal(answer.status, 200)
      assert.ok(text.includes(how === 'nan' ? '"tools":NaN' : big))
      reached.length = 0
    })
  }

  test('a list is one whatever it is called', async () => {
    const own = await openRaw(gateway.mcp('text'))
    assert.doesNotMatch(await (await own.post(call('tools/list', {}))).text(), /secret/)
    reached.length = 0
  })
})
