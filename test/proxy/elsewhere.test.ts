import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const page = '<!doctype html><title>Sign in</title><p>Who are you?</p>'
const answers: Record<string, (response: ServerResponse, id: unknown) => void> = {
  slash: (response) => void response.writeHead(307, { location: '/slash/?key=secret' }).end(),
  moved: (response) =>
    void response.writeHead(301, { location: 'https://u:secret@mcp.example/v2?k=secret#f' }).end(),
  lost: (response) => void response.writeHead(302).end(),
  page: (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(page),
  missing: (response) =>
    void response.writeHead(404, { 'content-type': 'text/plain' }).end('No\u001b[31m such path'),
  other: (response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}'),
  gzip: (response, id) =>
    void response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(gzipSync(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))),
  squeezed: (response, id) =>
    void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(gzipSync(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))),
  closes: (response) => void response.destroy(),
  // Opens a session, and is somewhere else from then on.
  wanders(response, id) {
    if (id !== 'init') {
      response.writeHead(303, { location: '/elsewhere' }).end()
      return
    }
    const serverInfo = { name: 'w', version: '1' }
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  },
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const { id } = (text === '' ? {} : JSON.parse(text)) as { id?: unknown }
  answers[(request.url ?? '').replaceAll(/^\/|\/?(\?.*)?$/g, '')]?.(response, id)
}
const web = createServer((request, response) => void respond(request, response))
web.listen(0, '127.0.0.1')
await once(web, 'listening')
after(() => {
  web.closeAllConnections()
  web.close()
})
const here = `127.0.0.1:${(web.address() as AddressInfo).port}`
const closed = `127.0.0.1:${await freePort()}`

const at = (url: string, more: Partial<TestServer> = {}): TestServer => ({ url, ...more })
const redirecting = (location: string, more: Partial<TestServer> = {}): TestServer => ({
  command: ['node', compiled('test/fixtures/workers/redirects.js'), location],
  ...{ http: true, ...more },
})
const gateway = await startTestGateway(
  { after },
  {
    ...Object.fromEntries(Object.keys(answers).map((name) => [name, at(`http://${here}/${name}`)])),
    stateless: at(`http://${here}/slash`, { mode: 'stateless' }),
    nobody: at(`http://${closed}/mcp`),
    nowhere: at('http://no-such-host.invalid/mcp'),
    plain: at(`https://${here}/mcp`),
    hidden: at(`http://${closed}/mcp`, { shown: 'http://${HOST}/mcp' }),
    'worker-path': redirecting('/mcp/'),
    'worker-host': redirecting('http://localhost:PORT/mcp/'),
    'worker-away': redirecting('https://login.example/'),
    'worker-relay': redirecting('/mcp/', { relay: true }),
  },
)

const rows: [server: string, code: string, says: string | RegExp][] = [
  ['slash', 'REFUSED', ': it redirects (307) to itself again and again; look at its url.'],
  ['moved', 'REFUSED', ': it redirects (301) to https://mcp.example/v2; put that into url.'],
  ['lost', 'REFUSED', ': it answered 302.'],
  ['stateless', 'REFUSED', ': it redirects (307) to itself again and again; look at its url.'],
  [
    'page',
    'REFUSED',
    ': it answered 200 with a web page (text/html) that begins “Sign in”; that is no MCP endpoint, so look at its url.',
  ],
  [
    'other',
    'REFUSED',
    /it answered 200 with application\/json that .* begins “\{"status":"ok"\}”;/,
  ],
  [
    'gzip',
    'REFUSED',
    /with something compressed \(gzip\), which nobody asked for; let it answer uncompressed/,
  ],
  [
    'squeezed',
    'REFUSED',
    /something compressed \(gzip\), which it does not say; let it answer uncompressed/,
  ],
  ['nobody', 'UNREACHABLE', `could not be reached: nothing listens at ${closed}.`],
  ['nowhere', 'UNREACHABLE', ': the name no-such-host.invalid cannot be resolved'],
  ['hidden', 'UNREACHABLE', 'could not be reached: nothing listens at ${HOST}.'],
  ['plain', 'UNREACHABLE', `: ${here} speaks http://, not https://.`],
  ['closes', 'CUT', /closed the connection without an HTTP answer; if it speaks https:\/\//],
  ['worker-path', 'REFUSED', ': it redirects (307) to /mcp/ again and again; look at its path.'],
  ['worker-host', 'REFUSED', ': it redirects (307) to /mcp/ again and again; look at its path.'],
  [
    'worker-away',
    'REFUSED',
    ': it redirects (307) to https://login.example/, which is not the server itself.',
  ],
  [
    'worker-relay',
    'REFUSED',
    /: it redirects \(307\) to \/mcp\/ again and again; look at its path/,
  ],
]

describe('the operator is told what is where a server should be', { concurrency: 4 }, () => {
  for (const [server, code, says] of rows) {
    test(server, async () => {
      const answer = await postRpc(gateway.mcp(server), initializeMessage())
      assert.equal(answer.status, 502)
      assert.equal(answer.headers.location, undefined)
      const { error } = await answer.json()
      const data = error?.data as { code: string; requestId: string }
      assert.match(data.code, new RegExp(`_${code}$`))
      const told = await gateway.saw(
        'request.failed',
        ({ requestId }) => requestId === data.requestId,
      )
      if (typeof says === 'string') assert.ok(told.cause.includes(says), told.cause)
      else assert.match(told.cause, says)
      assert.doesNotMatch(told.cause, /secret/)
      const end = await gateway.saw('session.closed', (news) => news.server === server)
      assert.equal(end.reason, 'start-failed')
    })
  }
})

test('what elsewhere refuses is passed on, and the operator reads how it begins', async () => {
  const answer = await postRpc(gateway.mcp('missing'), initializeMessage())
  assert.equal(answer.status, 404)
  const { cause } = await gateway.saw('request.failed', (news) => /missing/.test(news.cause))
  assert.match(cause, /: it answered 404 with text\/plain that begins “No such path”;/)
})

test('a redirect within a session is not passed on, and names the target', async () => {
  const session = await openRaw(gateway.mcp('wanders'))
  const answer = await session.call('any')
  assert.equal(answer.status, 502)
  assert.equal(answer.headers.location, undefined)
  const { error } = await answer.json()
  const { requestId } = error?.data as { requestId: string }
  const told = await gateway.saw('request.failed', (news) => news.requestId === requestId)
  assert.match(told.cause, /a request of its session: it redirects \(303\) to .*\/elsewhere; put/)
})
