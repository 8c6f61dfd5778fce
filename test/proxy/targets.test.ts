import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { after, test } from 'node:test'

import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
  selectResourceURL,
} from '@modelcontextprotocol/sdk/client/auth.js'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'

import { startProvider } from '../auth/provider-rig.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const echo: TestServer = { command: ['node', fixture('echo')], http: true }
const provider = await startProvider({ after })
const gateway = await startTestGateway(
  { after },
  {
    echo: { ...echo, isDefault: true },
    locked: echo,
    agent: { command: ['node', fixture('agent')], http: true, protocol: 'http' },
  },
  {
    authorization: {
      servers: { locked: { customJWTAuthorizer: { discoveryUrl: provider.discoveryUrl } } },
    },
  },
)
const { host, port } = new URL(gateway.url)
const wellKnown = '/.well-known/oauth-protected-resource'

/** A request whose line says `target`, as a client says it that takes the gateway for a proxy. */
async function asked(
  target: string,
  { method = 'POST', body = '', headers = {} } = {},
): Promise<{ status: number; text: string; headers: IncomingMessage['headers'] }> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port, method, path: target, agent: false },
    headers: {
      host,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...headers,
    },
  })
  outgoing.end(body)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode ?? 0, text, headers: response.headers }
}
const opening = { body: JSON.stringify(initializeMessage()) }

test('an endpoint with a slash at its end is the endpoint', async () => {
  for (const path of ['/mcp/', '/servers/echo/mcp/', '/servers/echo/mcp/?from=somewhere']) {
    const session = await openRaw(`${gateway.url}${path}`)
    assert.equal((await session.call('any')).status, 200, path)
    assert.equal((await session.remove()).status, 200, path)
  }
  const { url } = gateway.runtime('echo')
  const runtime = await postRpc(url.replace('/invocations', '/invocations/'), initializeMessage())
  assert.ok(runtime.headers['x-amzn-bedrock-agentcore-runtime-session-id'])
  const agent = await rawRequest(`${gateway.url}/servers/agent/invocations/`, {
    ...{ method: 'POST', body: '{}' },
  })
  assert.equal(agent.status, 200)
  for (const path of ['/healthz/', '/readyz/']) {
    assert.equal((await rawRequest(`${gateway.url}${path}`)).status, 200)
  }
})

test('what is not there is not there with a slash either', async () => {
  for (const path of ['/', '/servers/', '/mcp/more/', '/servers/none/mcp/', '//']) {
    assert.equal((await postRpc(`${gateway.url}${path}`, initializeMessage())).status, 404, path)
  }
})

/** Every letter of a path that may be written otherwise is. */
const escaped = (path: string): string =>
  path.replaceAll(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)

test('an endpoint is the same however its path is written', async () => {
  for (const path of [
    '/servers/echo/%6dcp',
    escaped('/servers/echo/mcp'),
    `${escaped('/mcp')}?a=/servers/agent/invocations`,
    '/mcp#/servers/agent/invocations',
  ]) {
    const { status, headers, text } = await asked(path, opening)
    assert.equal(status, 200, `${path}: ${text}`)
    assert.ok(headers['mcp-session-id'], path)
  }
  for (const path of [
    '/servers/agent/invocations',
    '/servers/agent/%69nvocations',
    escaped('/servers/agent/invocations'),
    '/servers/agent/invocations?x=/mcp',
  ]) {
    const { status, headers, text } = await asked(path, opening)
    assert.equal(status, 200, `${path}: ${text}`)
    assert.ok(headers['x-amzn-bedrock-agentcore-runtime-session-id'], path)
  }
})

test('a server is refused at the path of another protocol however that is written', async () => {
  for (const path of ['/servers/echo/invocations', '/servers/echo/%69nvocations']) {
    const { status, text } = await asked(path, opening)
    assert.equal(status, 404, path)
    assert.match(text, /speaks? MCP|\/servers\/echo\/mcp/, path)
  }
})

test("AgentCore's operations are known however their path is written", async () => {
  const named = encodeURIComponent(gateway.runtime('echo').arn)
  for (const path of [
    `/runtimes/${named}/stopruntimesession`,
    `/runtimes/${named}/%73topruntimesession`,
    `/%72untimes/${named}/stopruntimesession`,
  ]) {
    const { status, text } = await asked(path)
    assert.equal(status, 400, path)
    assert.match(text, /runtimeSessionId/, path)
  }
  for (const path of ['/runtimes/x/nothing', '/%72untimes/x/nothing']) {
    const { headers } = await asked(path)
    assert.ok(headers['x-amzn-requestid'], path)
  }
})

test('what only looks like an endpoint is nothing', async () => {
  for (const path of [
    '/servers/echo%2Fmcp',
    '/servers%2Fecho/mcp',
    '/servers/echo/%256dcp',
    '/servers/%2565cho/mcp',
    '//mcp',
    '/servers//mcp',
    '/servers/echo//mcp',
    '/servers/x/../echo/mcp',
    '/servers/x/%2e%2e/echo/mcp',
    '/./mcp',
    '/MCP',
    '/mcp;a=b',
    '/servers/echo/mcp;a=b',
    '/servers/agent/invocations;a=b',
    '/servers/..%2F..%2Fhealthz/mcp',
  ]) {
    const { status, text } = await asked(path, opening)
    assert.equal(status, 404, `${path}: ${text}`)
  }
  for (const path of ['/servers/%zz/mcp', '/servers/%c3/mcp', '/servers/echo/mcp%']) {
    const { status } = await asked(path, opening)
    assert.ok(status === 400 || status === 404, `${path}: ${status}`)
  }
})

test('metadata is of what would be routed there', async () => {
  for (const path of [
    `${wellKnown}/servers/locked/mcp`,
    `${wellKnown}/servers/locked/%6dcp`,
    `${wellKnown.replace('-', '%2d')}/servers/locked/mcp`,
    `/%2ewell-known/oauth-protected-resource/servers/locked/mcp`,
    `${wellKnown}/servers/%6cocked/mcp?x=1`,
  ]) {
    const { status, text } = await asked(path, { method: 'GET' })
    assert.equal(status, 200, `${path}: ${text}`)
    const { resource } = JSON.parse(text) as { resource: string }
    assert.equal(decodeURIComponent(resource), `${gateway.url}/servers/locked/mcp`)
  }
  for (const path of ['/servers/locked%2Fmcp', '/servers/locked/mcp/mcp', '/servers/%/mcp']) {
    const { status } = await asked(`${wellKnown}${path}`, { method: 'GET' })
    assert.ok(status === 404 || status === 400, `${path}: ${status}`)
  }
})

test('an absolute target is routed as its path', async () => {
  for (const target of [
    `http://${host}/mcp`,
    `HTTP://LOCALHOST:${port}/servers/echo/mcp/`,
    `https://${host}/mcp?x=/`,
  ]) {
    const { status, headers, text } = await asked(target, opening)
    assert.equal(status, 200, `${target}: ${text}`)
    assert.ok(headers['mcp-session-id'])
  }
  const { status } = await asked(`http://${host}/healthz`, { method: 'GET' })
  assert.equal(status, 200)
  assert.equal((await asked(`http://${host}/invocations`, opening)).status, 404)
  assert.equal((await asked(`http://${host}/servers/agent/invocations`, opening)).status, 200)
  assert.equal((await asked(`http://${host}`, opening)).status, 404)
})

test('the host of an absolute target is checked, and the Host header is, too', async () => {
  for (const [target, named] of [
    ['http://evil.example/mcp', host],
    [`http://evil.example:${port}/mcp`, 'evil.example'],
    [`http://${host}/mcp`, 'evil.example'],
    [`http://user@${host}/mcp`, host],
    ['http:///mcp', host],
    [`http://evil.example${wellKnown}/servers/locked/mcp`, host],
  ] as const) {
    const { status, text } = await asked(target, { ...opening, headers: { host: named } })
    assert.equal(status, 403, `${target}, ${named}: ${text}`)
  }
  const { port: adminPort } = new URL(gateway.adminUrl)
  const admin = request({
    ...{ host: '127.0.0.1', port: adminPort, path: 'http://evil.example/api/sessions' },
    headers: { host: `127.0.0.1:${adminPort}` },
  }).end()
  const [answer] = (await once(admin, 'response')) as [IncomingMessage]
  assert.equal(answer.resume().statusCode, 403)
})

test('who comes with a slash, or an absolute target, is told of the one resource', async () => {
  const resource = `${gateway.url}/servers/locked/mcp`
  const metadata = `${gateway.url}${wellKnown}/servers/locked/mcp`
  for (const target of ['/servers/locked/mcp/', `http://${host}/servers/locked/mcp`]) {
    const { status, headers } = await asked(target, opening)
    assert.equal(status, 401)
    assert.ok(headers['www-authenticate']?.includes(`resource_metadata="${metadata}"`), target)
  }
  for (const target of [
    `${wellKnown}/servers/locked/mcp/`,
    `http://${host}${wellKnown}/servers/locked/mcp`,
  ]) {
    const { text } = await asked(target, { method: 'GET' })
    assert.equal((JSON.parse(text) as { resource: string }).resource, resource, target)
  }
})

test('the official client accepts that resource for a URL with a slash', async () => {
  const url = `${gateway.mcp('locked')}/`
  const refused = await fetch(url, { method: 'POST', body: '{}' })
  const { resourceMetadataUrl } = extractWWWAuthenticateParams(refused)
  for (const options of [{ resourceMetadataUrl }, {}]) {
    const found = await discoverOAuthProtectedResourceMetadata(
      url,
      options.resourceMetadataUrl === undefined
        ? {}
        : { resourceMetadataUrl: options.resourceMetadataUrl },
    )
    const selected = await selectResourceURL(url, {} as OAuthClientProvider, found)
    assert.equal(selected?.href, gateway.mcp('locked'))
  }
})
