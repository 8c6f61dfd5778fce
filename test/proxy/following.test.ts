import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

import { placeWithin } from '../../src/proxy/following.ts'
import type { TestServer } from '../support/config.ts'
import { compiled, testServer } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'

interface Place {
  url: string
  redirected: number
  bytes: number
}

const moves = (location: string, status = 307, more: Partial<TestServer> = {}): TestServer => ({
  command: ['node', compiled('test/fixtures/workers/moves.js'), String(status), location],
  http: true,
  ...more,
})
const log = join(tempDir({ after }), 'requests')

/** A server of somebody else's, at an address of its own, and one that it must not send anybody to. */
const asked: string[] = []
/** Whether it has moved since. */
let isOpen = false
const stranger = createServer((request, response) => {
  asked.push(request.headers.authorization ?? 'nobody')
  response.end()
})
const away = `${await listening({ after }, stranger)}/mcp`
const elsewhere = createServer((request, response) => {
  const { url = '' } = request
  request.resume().on('end', () => {
    if (url === '/later' && isOpen) response.writeHead(307, { location: '/later/' }).end()
    else if (url === '/mcp') response.writeHead(308, { location: '/mcp/?a=1' }).end()
    else if (url === '/away') response.writeHead(307, { location: away }).end()
    else if (url.startsWith('/round')) response.writeHead(307, { location: `${url}x` }).end()
    else {
      isOpen ||= url === '/later'
      response.writeHead(200, { 'content-type': 'application/json' })
      const result = { protocolVersion: '2025-11-25', capabilities: {}, url }
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 'init', result }))
    }
  })
})
const base = await listening({ after }, elsewhere)

const gateway = await startTestGateway(
  { after },
  {
    slash: moves('/mcp/'),
    permanent: moves('/mcp/', 308),
    absolute: moves('http://localhost:PORT/mcp/?key=a'),
    address: moves('http://127.0.0.1:PORT/mcp/'),
    relay: moves('/mcp/', 307, { relay: true }),
    stateless: moves('/mcp/', 307, { mode: 'stateless' }),
    other: moves('/mcp/', 302),
    polite: {
      ...moves('/mcp/'),
      command: ['node', compiled('test/fixtures/workers/moves.js'), '307', '/mcp/', log],
    },
    url: { url: `${base}/mcp` },
    away: { url: `${base}/away` },
    round: { url: `${base}/round` },
    later: { url: `${base}/later` },
  },
)

describe('307 and 308 within the origin are followed, and remembered', { concurrency: 3 }, () => {
  for (const server of ['slash', 'permanent', 'absolute', 'address', 'relay']) {
    test(server, async () => {
      const session = await openRaw(gateway.mcp(server))
      const place = await session.ask<Place>('place', { text: 'x'.repeat(200_000) })
      assert.match(place.url, /^\/mcp\/(\?key=a)?$/)
      assert.equal(place.redirected, 1)
      assert.ok(place.bytes > 200_000)
      const stream = await session.stream()
      assert.match((await stream.next())?.data ?? '', /notifications\/x/)
      stream.abort()
      const { status } = await session.post({ jsonrpc: '2.0', method: 'notifications/y' })
      assert.equal(status, 202)
      assert.equal((await session.ask<Place>('place')).redirected, 1)
    })
  }
})

test('the first request of a server that keeps no sessions is sent again, too', async () => {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'place' } }
  const answer = await postRpc(gateway.mcp('stateless'), call)
  assert.deepEqual(((await answer.json()).result as Place).url, '/mcp/')
})

test('a server at a url is followed within its origin', async () => {
  const { opened } = await openRaw(gateway.mcp('url'))
  assert.equal(((await opened.json()).result as Place).url, '/mcp/?a=1')
})

test('a long message that meets the first redirect is not lost silently', async () => {
  const session = await openRaw(gateway.mcp('later'))
  const text = 'x'.repeat(200_000)
  const refused = await session.call('any', { text })
  assert.equal(refused.status, 502)
  const { requestId } = (await refused.json()).error?.data as { requestId: string }
  const told = await gateway.saw('request.failed', (news) => news.requestId === requestId)
  assert.match(told.cause, /moved to another path while a long message was sent. Send that again/)
  assert.equal((await session.call('any', { text })).status, 200)
})

test('a redirect to another origin, of another kind or without end is refused, and named', async () => {
  for (const [server, says] of [
    ['away', /redirects \(307\) to http:\/\/127\.0\.0\.1:\d+\/mcp; put that into url/],
    ['round', /redirects \(307\) to itself again and again; look at its url/],
    ['other', /redirects \(302\) to \/mcp\/; set path: \/mcp\//],
  ] as const) {
    const answer = await postRpc(gateway.mcp(server), initializeMessage(), {
      headers: { authorization: 'Bearer secret' },
    })
    assert.equal(answer.status, 502)
    assert.equal(answer.headers.location, undefined)
    const { requestId } = (await answer.json()).error?.data as { requestId: string }
    const told = await gateway.saw('request.failed', (news) => news.requestId === requestId)
    assert.match(told.cause, says)
  }
  assert.deepEqual(asked, [])
})

test('the goodbye goes where the session was', async () => {
  const session = await openRaw(gateway.mcp('polite'))
  await session.remove()
  await eventually(() => assert.match(readFileSync(log, 'utf8'), /^DELETE \/mcp\/$/m))
})

test('only the own origin is one, however it is written', () => {
  const endpoint = {
    origin: 'http://127.0.0.1:8000',
    host: 'localhost:8000',
    path: '/mcp',
    headers: {},
    ordersStreams: false,
  }
  const local = { endpoint, server: testServer('a', { http: true }) }
  const remote = { endpoint, server: testServer('a', { url: 'http://127.0.0.1:8000/mcp' }) }
  const at = (location: string, place = local): string | undefined =>
    placeWithin(place, 307, location, '/mcp')
  for (const location of ['/mcp/', 'mcp/', 'http://127.0.0.1:8000/mcp/', '//127.0.0.1:8000/mcp/']) {
    assert.equal(at(location), '/mcp/', location)
    assert.equal(at(location, remote), '/mcp/', location)
  }
  assert.equal(at('http://localhost:8000/mcp/'), '/mcp/')
  for (const location of [
    'http://localhost:8001/mcp/',
    'https://127.0.0.1:8000/mcp/',
    'http://127.0.0.1:8000@evil.example/mcp/',
    '//evil.example/mcp/',
    '\\\\evil.example/mcp/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://',
    '',
  ]) {
    assert.equal(at(location), undefined, location)
  }
  assert.equal(at('http://localhost:8000/mcp/', remote), undefined)
  assert.equal(at('/a\r\nb: c'), '/ab:%20c')
  for (const status of [200, 301, 302, 303, 304]) {
    assert.equal(placeWithin(local, status, '/mcp/', '/mcp'), undefined)
  }
})
