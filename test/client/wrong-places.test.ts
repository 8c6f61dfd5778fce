import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'

import { connect } from '../../src/client/connect.ts'
import { toFailure } from '../../src/client/failures.ts'
import { atEnd } from '../support/at-end.ts'

type Answering = (response: ServerResponse, path: string, message: string) => void

async function startServer(t: TestContext, answer: Answering): Promise<URL> {
  const read = async (request: IncomingMessage): Promise<string> => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    return text
  }
  const server = createServer((request, response) => {
    void read(request).then((text) => answer(response, request.url ?? '', text))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
}

/** What a user reads who opens a session there. */
async function failureAt(url: URL): Promise<string> {
  const opened = connect(url, {
    elicit: () => Promise.resolve({ action: 'decline' }),
    sample: () => Promise.reject(new Error('none')),
    notified: () => undefined,
  })
  const failed = await opened.then(
    async (connection) => {
      await connection.end()
      return undefined
    },
    (thrown: unknown) => toFailure(thrown, url),
  )
  return failed?.message.replaceAll(url.origin, 'HERE') ?? 'it opened'
}

const page = '<!doctype html><html><head><title>Welcome to nginx!</title></head></html>'
const redirecting =
  (statusCode: number, location: string): Answering =>
  (response) =>
    void response.writeHead(statusCode, { location }).end()
const sending =
  (statusCode: number, headers: Record<string, string>, body: string | Buffer): Answering =>
  (response) =>
    void response.writeHead(statusCode, headers).end(body)

const rows: [what: string, answer: Answering, says: string | RegExp][] = [
  [
    'a redirect to a page for people',
    redirecting(302, '/sign-in?token=secret#x'),
    'HERE/mcp redirects to HERE/sign-in (302). If that is the MCP server, give its URL.',
  ],
  [
    'a redirect to another host',
    redirecting(308, 'https://user:secret@mcp.example/v1/mcp?key=secret'),
    'HERE/mcp redirects to https://mcp.example/v1/mcp (308). If that is the MCP server, give its URL.',
  ],
  [
    'a web page',
    sending(200, { 'content-type': 'text/html; charset=utf-8' }, page),
    'HERE/mcp is no MCP endpoint: it answered with a web page (text/html) that begins “Welcome to nginx!”. Is the path right? Most servers are at /mcp.',
  ],
  [
    'a page that refuses',
    sending(405, { 'content-type': 'text/html' }, '<h1>Not\u001b[31m Allowed</h1>'),
    'HERE/mcp answered with HTTP status 405. It sent a web page (text/html) that begins “Not Allowed”.',
  ],
  [
    'text',
    sending(200, { 'content-type': 'text/plain' }, 'It works!'),
    /it answered with text\/plain that begins “It works!”/,
  ],
  [
    'what fetch cannot unpack',
    sending(200, { 'content-type': 'application/json', 'content-encoding': 'zstd' }, '(zstd)'),
    /it answered with something compressed \(zstd\), which nobody asked for/,
  ],
  [
    'JSON that is no message',
    sending(200, { 'content-type': 'application/json' }, '{"status":"ok"}'),
    'HERE/mcp answers, but what it says is not MCP. Is the path right? Most servers are at /mcp.',
  ],
]

describe('who is at the wrong place is told what is there', { concurrency: 4 }, () => {
  for (const [what, answer, says] of rows) {
    test(what, async (t) => {
      const said = await failureAt(await startServer(t, answer))
      if (typeof says === 'string') assert.equal(said, says)
      else assert.match(said, says)
    })
  }
})

test('who speaks a version that is not known is named, with those that are', async (t) => {
  const url = await startServer(t, (response, _path, message) => {
    const { id } = JSON.parse(message) as { id: number }
    const result = {
      protocolVersion: '1999-01-01',
      capabilities: {},
      serverInfo: { name: 'x', version: '1' },
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  assert.match(
    await failureAt(url),
    /^The server speaks version 1999-01-01 of MCP, and this client speaks 2025-11-25, 2025-/,
  )
})

test('a redirect within the server is followed, and a compressed answer is read', async (t) => {
  const url = await startServer(t, (response, path, message) => {
    if (path === '/mcp') {
      response.writeHead(307, { location: '/mcp/' }).end()
      return
    }
    const { id } = (message === '' ? {} : JSON.parse(message)) as { id?: number }
    if (id === undefined) {
      response.writeHead(message === '' ? 405 : 202).end()
      return
    }
    const serverInfo = { name: 'x', version: '1' }
    const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo }
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(gzipSync(JSON.stringify({ jsonrpc: '2.0', id, result })))
  })
  assert.equal(await failureAt(url), 'it opened')
})
