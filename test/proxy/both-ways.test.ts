import assert from 'node:assert/strict'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, test } from 'node:test'

import fc from 'fast-check'

import { messageText, nastyText } from '../fuzz/values.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawRequest } from '../support/raw-http.ts'
import { rawRequest } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const gateway = await startTestGateway(
  { after },
  {
    echo: {
      command: ['node', compiled('test/fixtures/workers/echo.js')],
      http: true,
      isDefault: true,
      requestHeaders: ['x-listed'],
    },
  },
  { listen: { bodyLimitBytes: 10_000 } },
)
const session = await openRaw(gateway.mcp('echo'))
const other = 'c0ffee00-0000-4000-8000-000000000000'
const { host } = new URL(gateway.url)

/** A slash at the end is the router's to take away: what is written so does not go past it. */
const path = '/servers/echo/mcp'
const ways = { short: gateway.url + path, long: `${gateway.url}${path}/` }

const usual: Record<string, string> = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'mcp-session-id': session.id,
}
const call = (tool: string, args: object = {}): object => ({
  ...{ jsonrpc: '2.0', id: 7, method: 'tools/call' },
  params: { name: tool, arguments: args },
})

/** What came of a request, but for what no two answers share. */
async function outcome(url: string, options: RawRequest): Promise<unknown> {
  const limit = new AbortController()
  try {
    const answer = await rawRequest(url, { ...options, signal: limit.signal })
    const headers = { ...answer.headers }
    delete headers.date
    // A short stream says its length where it came in one go, which is for the system to say.
    if (headers['content-type'] === 'text/event-stream') {
      delete headers['content-length']
      delete headers['transfer-encoding']
    }
    const isIdle = options.method === 'GET' && answer.status === 200
    return { status: answer.status, headers, body: isIdle ? '' : alike(await answer.text()) }
  } catch (thrown) {
    return { thrown: thrown instanceof Error && 'code' in thrown ? thrown.code : thrown }
  } finally {
    limit.abort()
  }
}

/** Ids of requests are counted. */
const alike = (text: string): string => text.replace(/\b[0-9a-f]{8}-[0-9a-z]{1,6}\b(?!-)/g, 'ID')

async function same(options: RawRequest): Promise<{ status?: number }> {
  const short = await outcome(ways.short, options)
  assert.deepEqual(short, await outcome(ways.long, options))
  return short as { status?: number }
}

/** How many requests the router takes meanwhile. */
async function routed(work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const hear = (): void => void (count += 1)
  const taken = channel('tracing:fastify.request.handler:start')
  subscribe(String(taken.name), hear)
  try {
    await work()
  } finally {
    unsubscribe(String(taken.name), hear)
  }
  return count
}

const text = 'x'.repeat(9900)

const post: [name: string, status: number, headers: Record<string, unknown>, body?: unknown][] = [
  ['a call', 200, {}],
  ['a call that is answered with events', 200, {}, call('stream')],
  [
    'what the worker is sent',
    200,
    { 'x-listed': 'a', 'x-other': 'b', cookie: 'c=d' },
    call('headers'),
  ],
  ['a call to what is not there', 200, {}, call('nothing')],
  ['a notification', 202, {}, { jsonrpc: '2.0', method: 'notifications/initialized' }],
  ['a response', 202, {}, { jsonrpc: '2.0', id: 5, result: {} }],
  ['a batch', 202, {}, [call('pid')]],
  ['a batch with one id twice', 400, {}, [call('pid'), call('pid')]],
  ['initialize in a session', 200, {}, { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }],
  ['a body as long as may be', 200, {}, call('pid', { text: text.slice(130) })],
  ['a body that is too long', 413, {}, call('pid', { text: text.repeat(2) })],
  ['a body that is far too long', 413, {}, call('pid', { text: text.repeat(20) })],
  ['no length', 200, { 'transfer-encoding': 'chunked' }],
  ['too much without a length', 413, { 'transfer-encoding': 'chunked' }, text.repeat(2)],
  ['no body', 400, {}, ''],
  ['no JSON', 400, {}, '{"jsonrpc":'],
  ['a text', 400, {}, 'hello'],
  ['bytes that are no UTF-8', 400, {}, Buffer.from([0x7b, 0xff, 0xfe])],
  ['JSON that is no JSON-RPC', 400, {}, { id: 5 }],
  ['JSON that is only a word', 400, {}, 'null'],
  ['a batch of nothing', 400, {}, []],
  ['a batch with something else in it', 400, {}, [call('pid'), 5]],
  ['JSON that is too intricate', 400, {}, `${'['.repeat(4000)}${']'.repeat(4000)}`],
  ['another content type', 415, { 'content-type': 'text/plain' }],
  ['a content type that is none', 415, { 'content-type': ';' }],
  ['no content type', 415, { 'content-type': undefined }],
  ['a content type with a parameter', 200, { 'content-type': 'application/json; charset=utf-8' }],
  ['a content type in capitals', 200, { 'content-type': 'Application/JSON;x=y' }],
  ['a body that is packed', 415, { 'content-encoding': 'gzip' }],
  ['a body that is not packed', 200, { 'content-encoding': 'identity' }],
  ['only JSON accepted', 406, { accept: 'application/json' }],
  ['only events accepted', 406, { accept: 'text/event-stream' }],
  ['nothing accepted', 406, { accept: undefined }],
  ['anything accepted', 200, { accept: '*/*' }],
  ['a session that is not known', 404, { 'mcp-session-id': other }],
  ['an id that can be none', 404, { 'mcp-session-id': 'not an id' }],
  ['an id that is empty', 404, { 'mcp-session-id': '' }],
  ['two ids', 400, { 'mcp-session-id': [session.id, other] }],
  ['the same id twice', 400, { 'mcp-session-id': [session.id, session.id] }],
  ['no id', 400, { 'mcp-session-id': undefined }],
  ['a Host of others', 403, { host: 'evil.example' }],
  ['a Host that is right but for a dot', 403, { host: `${host}.` }],
  ['an Origin of others', 403, { origin: 'https://evil.example' }],
  ['an Origin that is null', 403, { origin: 'null' }],
  ['two Origins', 403, { origin: ['http://localhost:1', 'http://localhost:1'] }],
  ['a page of this machine', 200, { origin: 'http://localhost:5173' }],
  ['a version of the protocol that there is not', 200, { 'mcp-protocol-version': '1' }],
  ['a header that is allowed and too long', 431, { 'x-listed': 'x'.repeat(5000) }],
  ['a token that nobody asked for', 200, { authorization: 'Bearer x' }],
  ['a connection that stays', 200, { connection: 'keep-alive' }],
  ['an upgrade', 200, { connection: 'upgrade', upgrade: 'websocket' }],
  ['trailers announced', 200, { te: 'trailers', connection: 'te' }],
]

for (const [name, status, headers, body] of post) {
  test(`${name}: ${status}, past the router as by it`, async () => {
    const given = { ...usual, ...headers } as Record<string, string>
    const found = await same({ method: 'POST', headers: given, body: body ?? call('pid') })
    assert.equal(found.status, status)
  })
}

const others: [name: string, status: number, method: string, headers: Record<string, unknown>][] = [
  ['a stream', 200, 'GET', {}],
  ['a stream that is resumed', 200, 'GET', { 'last-event-id': '5' }],
  ['a stream with a body', 200, 'GET', { 'content-length': '0' }],
  ['a stream without events', 406, 'GET', { accept: 'application/json' }],
  ['a stream of no session', 405, 'GET', { 'mcp-session-id': undefined }],
  ['a stream of another session', 404, 'GET', { 'mcp-session-id': other }],
  ['a stream for others', 403, 'GET', { origin: 'https://evil.example' }],
  ['an end of another session', 404, 'DELETE', { 'mcp-session-id': other }],
  ['a preflight', 204, 'OPTIONS', { origin: 'http://localhost:1' }],
  ['PUT', 405, 'PUT', {}],
  ['PATCH', 405, 'PATCH', {}],
  ['HEAD', 405, 'HEAD', {}],
]

for (const [name, status, method, headers] of others) {
  test(`${name}: ${status}, past the router as by it`, async () => {
    const given = { ...usual, ...headers } as Record<string, string>
    assert.equal((await same({ method, headers: given })).status, status)
  })
}

test('whatever is asked of a session, both ways say the same', async () => {
  const header = fc.oneof(
    fc.constantFrom<[string, string]>(
      ...Object.entries({ accept: '*/*', 'content-type': 'text/json', origin: 'null' }),
      ...Object.entries({ host: 'localhost', 'content-encoding': '', 'last-event-id': '' }),
      ...Object.entries({ 'mcp-session-id': other, 'accept-version': '1', expect: '100-continue' }),
      ...Object.entries({ 'transfer-encoding': 'chunked', 'x-listed': 'y'.repeat(4097) }),
      ...Object.entries({
        'mcp-protocol-version': '2026-07-28',
        'content-type': 'application/json;',
      }),
      ...Object.entries({
        connection: 'close, accept',
        'accept-encoding': 'br',
        'x-berth-nonce': 'x',
      }),
    ),
    nastyText.map((value): [string, string] => ['x-listed', value.replace(/[^\x20-\x7e]/g, '')]),
  )
  const asked = fc.record({
    method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT'),
    headers: fc.array(header, { maxLength: 2 }),
    // What it notes of a body that is good is the worker's: the second would be another one.
    body: fc.oneof(messageText, nastyText),
  })
  const property = fc.asyncProperty(asked, async ({ method, headers, body }) => {
    const given = { ...usual, ...Object.fromEntries(headers) }
    await same({ method, headers: given, ...(method === 'GET' ? {} : { body }) })
  })
  await fc.assert(property, { seed: 12, numRuns: 80, endOnFailure: true })
})

test('what is usual does not need the router, and all else goes there', async () => {
  const ask = (options: RawRequest, url = ways.short): Promise<number> =>
    routed(() => outcome(url, { method: 'POST', headers: usual, body: call('pid'), ...options }))
  assert.equal(await ask({}), 0)
  assert.equal(await ask({ headers: { ...usual, 'mcp-session-id': other } }), 1)
  assert.equal(await ask({}, `${gateway.url}/mcp`), 0)
  assert.equal(await ask({}, ways.long), 1)
  assert.equal(await ask({}, `${ways.short}?a=b`), 1)
  assert.equal(await ask({}, `${gateway.url}/servers/%65cho/mcp`), 1)
  assert.equal(await routed(() => outcome(ways.short, { method: 'GET', headers: usual })), 0)
  assert.equal(await ask({ method: 'GET', headers: { ...usual, 'content-length': '1' } }), 1)
})
