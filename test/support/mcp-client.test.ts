import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { atEnd } from './at-end.ts'
import { connectClient, connectV2, textOf } from './mcp-client.ts'

interface Seen {
  url: string
  /** Method and the header x-test of each request. */
  requests: string[]
}

/** A legacy server with one tool, which tells what the client can and has. */
async function startServer(t: TestContext): Promise<Seen> {
  const mcp = new McpServer({ name: 'asks', version: '0' })
  mcp.registerTool('ask', {}, async ({ sendNotification, _meta }) => {
    const { server } = mcp
    const progressToken = _meta?.progressToken
    if (progressToken !== undefined) {
      const params = { progressToken, progress: 1, total: 1 }
      await sendNotification({ method: 'notifications/progress', params })
    }
    const answer = await server.elicitInput({
      message: 'Where?',
      requestedSchema: { type: 'object', properties: { place: { type: 'string' } } },
    })
    const { content } = await server.createMessage({
      messages: [{ role: 'user', content: { type: 'text', text: 'Tips?' } }],
      maxTokens: 10,
    })
    const { roots } = await server.listRoots()
    const text = JSON.stringify([answer.content, content, roots.map(({ uri }) => uri)])
    return { content: [{ type: 'text', text }] }
  })
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() })
  await mcp.connect(transport)
  const requests: string[] = []
  const http = createServer((request, response) => {
    requests.push(`${request.method} ${String(request.headers['x-test'])}`)
    void transport.handleRequest(request, response)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  atEnd(t, async () => {
    http.closeAllConnections()
    http.close()
    await mcp.close()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`, requests }
}

for (const [name, connect] of [
  ['v1', connectClient],
  ['v2', connectV2],
] as const) {
  test(`the ${name} client answers questions, samples, shows roots, sees progress`, async (t) => {
    const { url, requests } = await startServer(t)
    const steps: number[] = []
    const connection = await connect(t, url, {
      elicitation: ({ message }) => ({ action: 'accept', content: { place: `${message} Here` } }),
      sampling: ({ maxTokens }) => `${maxTokens} tokens`,
      roots: [{ uri: 'file:///tmp' }],
      onProgress: ({ progress }) => steps.push(progress),
      headers: { 'x-test': 'yes' },
    })
    assert.deepEqual(JSON.parse(textOf(await connection.call('ask'))), [
      { place: 'Where? Here' },
      { type: 'text', text: '10 tokens' },
      ['file:///tmp'],
    ])
    assert.deepEqual(steps, [1])
    assert.match(connection.sessionId ?? '', /^[0-9a-f-]{36}$/)
    await connection.terminate()
    assert.equal(connection.sessionId, undefined)
    assert.equal(requests.at(-1), 'DELETE yes')
    assert.ok(requests.every((request) => request.endsWith(' yes')))
  })
}

test('a client without handlers does not say that it can be asked', async (t) => {
  const { url } = await startServer(t)
  const { call } = await connectClient(t, url)
  const result = await call('ask')
  assert.equal(result.isError, true)
  assert.match(textOf(result), /does not support/)
})

test('a client may go on with a session that another opened', async (t) => {
  const { url } = await startServer(t)
  const { sessionId } = await connectClient(t, url)
  assert.ok(sessionId)
  const second = await connectClient(t, url, { sessionId })
  assert.equal(second.sessionId, sessionId)
  assert.deepEqual(
    (await second.client.listTools()).tools.map((tool) => tool.name),
    ['ask'],
  )
})
