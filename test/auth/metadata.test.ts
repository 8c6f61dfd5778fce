import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import type { TestConfig, TestServer } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-http.ts'
import { startProvider } from './provider-rig.ts'

const echo: TestServer = { command: ['node', compiled('test/fixtures/workers/echo.js')] }
const provider = await startProvider({ after })
const customJWTAuthorizer = {
  discoveryUrl: provider.discoveryUrl,
  allowedScopes: ['read', 'write'],
  advertisedScopeMapping: { read: 'api://berth/read' },
}
const wellKnown = '/.well-known/oauth-protected-resource'

const start = (overrides: TestConfig = {}) =>
  startTestGateway(
    { after },
    { echo: { ...echo, isDefault: true }, other: echo, open: echo },
    {
      ...overrides,
      authorization: {
        global: { customJWTAuthorizer },
        servers: { open: 'none' },
        ...overrides.authorization,
      },
    },
  )
const gateway = await start()
const invocations = `/runtimes/${encodeURIComponent(gateway.runtime('other').arn)}/invocations`

async function documentAt(path: string, base = gateway.url, headers = {}) {
  const answer = await rawRequest(`${base}${path}`, { headers })
  assert.equal(answer.status, 200, path)
  assert.equal(answer.headers['access-control-allow-origin'], '*')
  return answer.json<Record<string, unknown>>()
}

const said = {
  authorization_servers: [provider.issuer],
  bearer_methods_supported: ['header'],
  scopes_supported: ['api://berth/read', 'write'],
}

for (const [path, resource] of [
  [`${wellKnown}/servers/echo/mcp`, '/servers/echo/mcp'],
  [`${wellKnown}/servers/other/mcp`, '/servers/other/mcp'],
  [`${wellKnown}/mcp`, '/mcp'],
  [wellKnown, ''],
  [`${invocations}${wellKnown}?qualifier=DEFAULT`, `${invocations}?qualifier=DEFAULT`],
  [`${invocations}${wellKnown}`, invocations],
] as const) {
  test(`the metadata at ${path} is public, and of its own endpoint`, async () => {
    assert.deepEqual(await documentAt(path), { resource: `${gateway.url}${resource}`, ...said })
  })
}

test('what asks for no token, or is not there, has no metadata', async () => {
  for (const path of [
    '/servers/open/mcp',
    '/servers/none/mcp',
    '/other',
    '/servers/%zz/mcp',
    '/servers/constructor/mcp',
  ]) {
    const answer = await rawRequest(`${gateway.url}${wellKnown}${path}`)
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`)
  }
  const runtime = await rawRequest(`${gateway.url}/runtimes/none/invocations${wellKnown}`)
  assert.equal(runtime.status, 404)
})

test('a client that says localhost is told of localhost, and a foreign Host of nothing', async () => {
  const host = gateway.url.replace('http://127.0.0.1', 'localhost')
  const { resource } = await documentAt(`${wellKnown}/mcp`, gateway.url, { host })
  assert.equal(resource, `http://${host}/mcp`)
  const foreign = await rawRequest(`${gateway.url}${wellKnown}/mcp`, {
    headers: { host: 'evil.example' },
  })
  assert.equal(foreign.status, 403)
})

test('pages of any origin may read it', async () => {
  const headers = { origin: 'https://inspector.example' }
  await documentAt(`${wellKnown}/mcp`, gateway.url, headers)
  const preflight = await rawRequest(`${gateway.url}${wellKnown}/mcp`, {
    method: 'OPTIONS',
    headers: { ...headers, 'access-control-request-headers': 'mcp-protocol-version' },
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers['access-control-allow-headers'], '*')
})

test('behind a proxy everything is below publicUrl; one login may serve all', async () => {
  const publicUrl = 'https://mcp.example.com/base'
  const behind = await start({ listen: { publicUrl }, authorization: { resource: 'gateway' } })
  for (const path of ['/servers/other/mcp', '/base/servers/other/mcp', '/mcp', '']) {
    const { resource } = await documentAt(`${wellKnown}${path}`, behind.url)
    assert.equal(resource, publicUrl)
  }
  const { headers } = await rawRequest(behind.mcp('other'))
  assert.equal(
    headers['www-authenticate'],
    `Bearer scope="api://berth/read write", resource_metadata="${publicUrl}${wellKnown}/servers/other/mcp"`,
  )
})

test('where only the default server is protected, the root speaks of it', async () => {
  const one = await start({
    authorization: { global: 'none', servers: { echo: { customJWTAuthorizer } } },
  })
  const { resource } = await documentAt(wellKnown, one.url)
  assert.equal(resource, `${one.url}/mcp`)
  assert.equal((await rawRequest(`${one.url}${wellKnown}/servers/other/mcp`)).status, 404)
})
