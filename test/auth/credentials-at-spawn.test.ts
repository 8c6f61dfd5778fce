import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, describe, test } from 'node:test'

import type { Credential, ServerCredentials } from '../../src/ground/credentials.ts'
import { createLogger, logEvents } from '../../src/ground/log.ts'
import { askAdmin } from '../support/admin.ts'
import { atEnd } from '../support/at-end.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import { needed } from '../support/needs.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { getStream, postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import type { TestRedis } from '../support/redis.ts'
import { startRedis } from '../support/redis.ts'
import { tempDir } from '../support/temp.ts'
import { startProvider } from './provider-rig.ts'

const owner = { after }
const folder = tempDir(owner)
const file = join(folder, 'secrets.yaml')
const put = (aliceToken: string): void => {
  const users = { alice: { TOKEN: aliceToken }, bob: { TOKEN: 'hush-of-bob' } }
  const text = JSON.stringify({ shared: { KEY: 'hush-of-all ${PORT} ${claims.sub}' }, users })
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
put('hush-of-alice')

const provider = await startProvider(owner)
const upstream = await startUpstream()
const token: Credential = { kind: 'userSecret', name: 'TOKEN' }
const given: Credential = { kind: 'header', name: 'X-Given' }
const takes = (more: Partial<ServerCredentials>) => ({
  credentials: { env: {}, headers: {}, clientHeaders: [], ...more },
})
const servers: Record<string, TestServer> = {
  http: {
    command: ['node', compiled('test/fixtures/workers/echo.js')],
    http: true,
    ...takes({ clientHeaders: ['x-given'], env: { KEY: [{ kind: 'secret', name: 'KEY' }] } }),
  },
  stdio: {
    command: ['node', compiled('test/fixtures/workers/tells-who.js')],
    ...takes({
      env: { WHO: [{ kind: 'claim', name: 'email' }], TOKEN: ['Bearer ', token], GIVEN: [given] },
      clientHeaders: ['x-given'],
    }),
  },
  http2: {
    command: ['node', compiled('test/fixtures/workers/tells-who.js')],
    http: true,
    ...takes({ env: { KEY: [{ kind: 'secret', name: 'KEY' }] } }),
  },
  far: { url: upstream.url, ...takes({ headers: { authorization: ['Bearer ', token] } }) },
  asks: {
    url: upstream.url,
    ...takes({ headers: { 'x-key': [given] }, clientHeaders: ['x-given'] }),
  },
}
const overrides = {
  secrets: { file, userKey: 'sub', shared: {}, command: undefined },
  authorization: {
    global: {
      customJWTAuthorizer: { discoveryUrl: provider.discoveryUrl, allowedClients: ['c'] },
    },
  },
}
const tokenOf = async (sub: string, more = {}) => ({
  authorization: `Bearer ${await provider.sign({ sub, client_id: 'c', email: `hush-${sub}@x`, ...more })}`,
})
const alice = await tokenOf('alice')
const bob = await tokenOf('bob')
const header = { 'x-given': 'hush-given' }

const gateway = await startTestGateway(owner, servers, overrides)
const log = new PassThrough()
logEvents(gateway.events, createLogger({ level: 'trace', isPretty: false, stream: log }))

async function open(server: string, headers: Record<string, string>, at: TestGateway = gateway) {
  const answer = await postRpc(at.mcp(server), initializeMessage(), { headers })
  assert.equal(answer.status, 200, await answer.text())
  const sessionId = String(answer.headers['mcp-session-id'])
  let calls = 0
  return {
    sessionId,
    async call(name: string, on: TestGateway = at): Promise<string> {
      const message = {
        jsonrpc: '2.0',
        id: (calls += 1),
        method: 'tools/call',
        params: { name, arguments: {} },
      }
      const called = await postRpc(on.mcp(server), message, { headers, sessionId })
      return called.text()
    },
  }
}

async function refused(server: string, headers: Record<string, string>): Promise<string> {
  const before = gateway.seen('session.opened').length
  const answer = await postRpc(gateway.mcp(server), initializeMessage(), { headers })
  const text = await answer.text()
  assert.equal(answer.status, 403, text)
  assert.equal(gateway.seen('session.opened').length, before, 'nothing was started')
  assert.match(text, /ERR|not started for you/)
  return text
}

test('each user has values of their own in their own worker', async () => {
  const [hers, his] = await Promise.all([
    open('stdio', { ...alice, ...header }),
    open('stdio', { ...bob, 'x-given': 'hush-other' }),
  ])
  const [she, he] = [await hers.call('about'), await his.call('about')]
  for (const own of ['hush-alice@x', 'Bearer hush-of-alice', 'hush-given']) {
    assert.ok(she.includes(own) && !he.includes(own), own)
  }
  for (const own of ['hush-bob@x', 'Bearer hush-of-bob', 'hush-other']) {
    assert.ok(he.includes(own) && !she.includes(own), own)
  }
})

test('what is missing is named before anything is started', async () => {
  assert.match(await refused('stdio', alice), /the header X-Given did not come/)
  const noMail = await tokenOf('alice', { email: ['hush'] })
  const said = await refused('stdio', { ...noMail, ...header })
  assert.match(said, /server stdio .*no claim email.*\$\{claims\.email\}/)
  assert.match(await refused('far', await tokenOf('eve')), /no secret TOKEN of yours/)
})

test('a value is data: nothing in it is filled', async () => {
  const session = await open('http2', alice)
  assert.match(await session.call('about'), /hush-of-all \$\{PORT\} \$\{claims\.sub\}/)
})

test('a header for credentials never reaches a worker, by no request', async () => {
  const session = await open('http', { ...alice, ...header })
  const seen = await session.call('headers')
  assert.doesNotMatch(seen, /x-given|hush/)
  const far = await open('asks', { ...alice, ...header })
  const rest = { headers: { ...alice, ...header }, sessionId: far.sessionId }
  await (await getStream(gateway.mcp('asks'), rest)).text()
  await far.call('x')
  const names = upstream.seen.map(({ method, headers }) => [
    method,
    headers['x-given'],
    headers['x-key'],
  ])
  assert.deepEqual(names, [
    ['POST', undefined, 'hush-given'],
    ['GET', undefined, 'hush-given'],
    ['POST', undefined, 'hush-given'],
  ])
})

test('a browser may send it', async () => {
  const answer = await rawRequest(gateway.mcp('asks'), { method: 'OPTIONS' })
  assert.match(answer.headers['access-control-allow-headers'] ?? '', /Authorization.*, x-given/)
})

test('a secret that was changed is for the sessions that open from then on', async () => {
  upstream.seen.length = 0
  const before = await open('far', alice)
  put('hush-anew')
  await open('far', alice)
  await before.call('x')
  const keys = upstream.seen.map(({ headers }) => headers.authorization)
  const [old, anew] = ['Bearer hush-of-alice', 'Bearer hush-anew']
  assert.deepEqual(keys, [old, anew, old])
  writeFileSync(file, 'shared: { KEY: hush')
  const broken = await postRpc(gateway.mcp('far'), initializeMessage(), { headers: alice })
  assert.equal(broken.status, 503)
  assert.match(await broken.text(), /ERR_AUTH_SECRETS/)
  const [failed] = gateway.seen('request.failed').slice(-1)
  assert.match(failed?.cause ?? '', /secrets\.file is no YAML or JSON in line 1/)
  put('hush-of-alice')
})

test('no value is in a log, an event, the admin API or a file', async () => {
  const pages = await Promise.all(
    ['/api/sessions?all=true', '/metrics'].map((path) => askAdmin(gateway, path)),
  )
  const answers = await Promise.all(pages.map((page: RawResponse) => page.text()))
  const lines = (log.read() as Buffer).toString()
  assert.match(lines, /session\.opened[\s\S]*request\.failed/)
  const all = [...answers, lines, filesBelow(gateway.stateDir)].join('\n')
  assert.doesNotMatch(all, /hush/)
})

const redisServer = needed('redis-server')
describe('two gateways with one store', { skip: redisServer.skip }, () => {
  test('a session goes on at the other with the credentials of who asks there', async (t) => {
    if (redisServer.skip !== false) return
    const redis = await startRedis(t, redisServer.path)
    const both = { ...overrides, store: redis.config() }
    const one = await startTestGateway(t, servers, both)
    const other = await startTestGateway(t, servers, both)
    upstream.seen.length = 0
    const far = await open('far', alice, one)
    const asks = await open('asks', { ...alice, ...header }, one)
    await Promise.all([far.call('x', other), far.call('y', other)])
    const keys = upstream.seen.slice(2).map(({ headers }) => headers.authorization)
    assert.deepEqual(keys, ['Bearer hush-of-alice', 'Bearer hush-of-alice'])
    await asks.call('x', other)
    assert.equal(upstream.seen.at(-1)?.headers['x-key'], 'hush-given')

    // Without the header it cannot go on there, but it can be ended.
    const shy = await open('asks', { ...alice, ...header }, one)
    const list = { jsonrpc: '2.0', id: 7, method: 'tools/list' }
    const rest = { headers: alice, sessionId: shy.sessionId }
    const answer = await postRpc(other.mcp('asks'), list, rest)
    assert.equal(answer.status, 404)
    assert.deepEqual((await answer.json()).error?.data, { missing: ['${header:X-Given}'] })
    assert.equal((await postRpc(one.mcp('asks'), list, rest)).status, 202)
    const ended = await rawRequest(other.mcp('asks'), {
      method: 'DELETE',
      headers: { ...alice, 'mcp-session-id': shy.sessionId },
    })
    assert.equal(ended.status, 200)
    const dump = filesBelow(one.stateDir) + filesBelow(other.stateDir) + (await contentOf(redis))
    assert.ok(dump.includes(far.sessionId))
    assert.doesNotMatch(dump, /hush/)
  })
})

async function contentOf({ client }: TestRedis): Promise<string> {
  const keys = await client.keys('*')
  const texts = keys.map(async (key) => {
    const type = await client.type(key)
    if (type === 'string') return (await client.get(key)) ?? ''
    return type === 'hash' ? JSON.stringify(await client.hgetall(key)) : ''
  })
  return [...keys, ...(await Promise.all(texts))].join('\n')
}

function filesBelow(root: string): string {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
}

/** A remote MCP server that keeps what it was sent. */
async function startUpstream() {
  const seen: { method: string | undefined; headers: IncomingHttpHeaders }[] = []
  const server = createServer((request, response) => {
    seen.push({ method: request.method, headers: request.headers })
    request.resume()
    const result = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      serverInfo: { name: 'far', version: '1' },
    }
    const isOpening = request.method === 'POST' && request.headers['mcp-session-id'] === undefined
    response.writeHead(isOpening ? 200 : request.method === 'GET' ? 405 : 202, {
      'content-type': 'application/json',
      'mcp-session-id': 'upstream',
    })
    response.end(isOpening ? JSON.stringify({ jsonrpc: '2.0', id: 'init', result }) : '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(owner, () => {
    server.closeAllConnections()
    server.close()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }
}
