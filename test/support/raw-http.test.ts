import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { atEnd } from './at-end.ts'
import { carries, getStream, postRpc, rawRequest } from './raw-http.ts'
import { createSseParser } from './sse.ts'
import { tempDir } from './temp.ts'

async function serve(t: TestContext, listener: RequestListener, path?: string): Promise<string> {
  const server = createServer(listener)
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  atEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return path === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` : ''
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}

test('a message is posted as an MCP client does, with any header left out or changed', async (t) => {
  const url = await serve(t, (request, response) => {
    const { headers, method } = request
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    void bodyOf(request).then((body) => response.end(JSON.stringify({ method, headers, body })))
  })
  const message = { jsonrpc: '2.0', id: 1, method: 'ping' }
  const reply = await postRpc(url, message, {
    sessionId: 's-1',
    headers: { accept: undefined, 'x-more': 'yes' },
  })
  const seen = await reply.json<{ method: string; headers: Record<string, string>; body: string }>()
  assert.deepEqual([seen.method, seen.body], ['POST', JSON.stringify(message)])
  assert.equal(seen.headers['mcp-session-id'], 's-1')
  assert.equal(seen.headers['content-type'], 'application/json')
  assert.equal(seen.headers['x-more'], 'yes')
  assert.equal('accept' in seen.headers, false)
  assert.deepEqual(
    reply.rawHeaders.filter((name) => name === 'set-cookie'),
    ['set-cookie', 'set-cookie'],
  )
  const cut = await (await postRpc(url, '{"cut')).json<{ body: string }>()
  assert.equal(cut.body, '{"cut')
})

test('a stream is read event by event while it is written, and until one fits', async (t) => {
  const open: ServerResponse[] = []
  const url = await serve(t, (_request, response) => {
    stream(response)
    open.push(response)
  })
  const reply = await getStream(url)
  const [response] = open
  response?.write('id: 1\ndata: {"method":"a"}\n\n')
  assert.deepEqual(await reply.next(), {
    id: '1',
    event: 'message',
    data: '{"method":"a"}',
    retryMs: undefined,
  })
  response?.write(': keepalive\n\nid: 2\ndata: {"method":"b"}\n\nid: 3\ndata: {"id":7}\n\n')
  const seen = await reply.until(carries(({ id }) => id === 7))
  assert.deepEqual(
    seen.map(({ id }) => id),
    ['2', '3'],
  )
  assert.deepEqual(reply.comments, ['keepalive'])
  response?.end('data: last\n\n')
  await assert.rejects(
    reply.until(() => false),
    /the stream ended without it, after .*last/,
  )
})

test('an aborted request cuts the connection, and a cut stream is an error to its reader', async (t) => {
  const streams: ServerResponse[] = []
  const url = await serve(t, (request, response) => {
    stream(response)
    if (request.method === 'DELETE') response.write('data: 1\n\n', () => response.destroy())
    else streams.push(response)
  })
  const reply = await getStream(url)
  reply.abort()
  const [open] = streams
  assert.ok(open)
  if (!open.destroyed) await once(open, 'close')
  await assert.rejects(reply.next())
  const cut = await rawRequest(url, { method: 'DELETE' })
  await assert.rejects(cut.rest(), /aborted/)
  await assert.rejects(rawRequest('http://127.0.0.1:1/'), /ECONNREFUSED/)
})

test('a server on a unix socket is asked with the host of the URL', async (t) => {
  const socketPath = join(tempDir(t), 's')
  await serve(t, (request, response) => response.end(request.headers.host), socketPath)
  const reply = await rawRequest('http://localhost:8000/mcp', { socketPath })
  assert.equal(await reply.text(), 'localhost:8000')
})

test('events are told apart whatever ends their lines and wherever the bytes are cut', () => {
  const text =
    'event: x\r\nid: é\r\ndata: one\r\ndata: two\r\n\r\nretry: 50\rid\rdata\r\rdata:  a:b\n\n'
  const bytes = new TextEncoder().encode(text)
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const parser = createSseParser()
    const events = []
    for (let at = 0; at < bytes.length; at += size) {
      events.push(...parser.push(bytes.subarray(at, at + size)))
    }
    assert.deepEqual(events, [
      { id: 'é', event: 'x', data: 'one\ntwo', retryMs: undefined },
      { id: '', event: 'message', data: '', retryMs: 50 },
      { id: '', event: 'message', data: ' a:b', retryMs: undefined },
    ])
  }
})
