import assert from 'node:assert/strict'
import test from 'node:test'

import { load, problemsOf, withServer } from './in-folder.ts'

const discoveryUrl = 'https://idp.example.com/.well-known/openid-configuration'
const jwt = (more: object = {}) => ({
  customJWTAuthorizer: { discoveryUrl, allowedClients: ['c'], ...more },
})
const claim = (more: object = {}, match: object = {}) => ({
  inboundTokenClaimName: 'groups',
  inboundTokenClaimValueType: 'STRING_ARRAY',
  authorizingClaimMatchValue: {
    claimMatchOperator: 'CONTAINS_ANY',
    claimMatchValue: { matchValueStringList: ['a', 'b'] },
    ...match,
  },
  ...more,
})

test("AgentCore's authorizer is taken as it is pasted", (t) => {
  const authorizerConfiguration = {
    customJWTAuthorizer: {
      discoveryUrl,
      allowedAudience: ['https://mcp.example.com'],
      allowedClients: ['3n4b5a6c'],
      allowedScopes: ['mcp/use', 'openid'],
      advertisedScopeMapping: { 'mcp/use': 'api://mcp/use' },
      customClaims: [
        claim(),
        claim(
          { inboundTokenClaimName: 'tier', inboundTokenClaimValueType: 'STRING' },
          { claimMatchOperator: 'EQUALS', claimMatchValue: { matchValueString: 'gold' } },
        ),
        claim({}, { claimMatchOperator: 'CONTAINS', claimMatchValue: { matchValueString: 'a' } }),
      ],
    },
  }
  const { authorization } = load(t, withServer({}, { authorizerConfiguration }))
  assert.deepEqual(authorization.global, authorizerConfiguration)
  assert.deepEqual(authorization.servers, { demo: authorizerConfiguration })
})

test('a server has its own, that of defaults, or that of all', (t) => {
  const { authorization } = load(t, {
    authorizerConfiguration: jwt(),
    mcpServers: {
      a: { command: 'node' },
      b: { command: 'node', authorizerConfiguration: jwt({ allowedScopes: ['s'] }) },
      c: { command: 'node', authorizerConfiguration: 'none' },
      d: { command: 'node', authorizerConfiguration: 'local' },
      constructor: { command: 'node' },
    },
  })
  assert.deepEqual(authorization.servers, {
    a: jwt(),
    b: jwt({ allowedScopes: ['s'] }),
    c: 'none',
    d: 'local',
    constructor: jwt(),
  })
  const usual = withServer({}, { defaults: { authorizerConfiguration: 'local' } })
  const fromDefaults = load(t, usual).authorization
  assert.deepEqual([fromDefaults.global, fromDefaults.servers.demo], ['none', 'local'])
})

test('skew, resource and the short form are settings, of the environment as well', (t) => {
  const file = withServer({}, { clockSkewSeconds: 5, resource: 'gateway' })
  const env = { PATH: process.env.PATH, BERTH_AUTHORIZER_CONFIGURATION: 'local' }
  const { authorization } = load(t, file, { env })
  assert.deepEqual(authorization, {
    global: 'local',
    servers: { demo: 'local' },
    resource: 'gateway',
    clockSkewMs: 5000,
  })
})

type Row = [what: string, value: unknown, at: string, says: RegExp]
const top = 'customJWTAuthorizer'
const rows: Row[] = [
  ['a word that is none', 'lokal', '', /expected local, none, or a map with customJWTAuthorizer/],
  ['an empty map', {}, top, /is missing/],
  [
    'an unknown key',
    jwt({ allowedClient: ['c'] }),
    `${top}.allowedClient`,
    /Did you mean allowedClients/,
  ],
  [
    "what Berth cannot keep of AgentCore's",
    jwt({ allowedWorkloadConfiguration: {} }),
    `${top}.allowedWorkloadConfiguration`,
    /unknown key/,
  ],
  [
    'no discoveryUrl',
    { customJWTAuthorizer: { allowedClients: ['c'] } },
    `${top}.discoveryUrl`,
    /is missing/,
  ],
  [
    'another discoveryUrl',
    jwt({ discoveryUrl: 'https://idp.example.com/' }),
    `${top}.discoveryUrl`,
    /ends in \/\.well-known\/openid-configuration/,
  ],
  [
    'a text for a list',
    jwt({ allowedAudience: 'a' }),
    `${top}.allowedAudience`,
    /found a text, expected a list/,
  ],
  ['an empty list', jwt({ allowedScopes: [] }), `${top}.allowedScopes`, /lets nobody in/],
  [
    'no rule at all',
    { customJWTAuthorizer: { discoveryUrl } },
    top,
    /at least one of allowedAudience/,
  ],
  [
    'a claim without operator',
    jwt({ customClaims: [claim({}, { claimMatchOperator: undefined })] }),
    `${top}.customClaims[0]`,
    /needs claimMatchOperator/,
  ],
  [
    'a claim of the wrong type',
    jwt({ customClaims: [claim({ inboundTokenClaimValueType: 'STRING' })] }),
    `${top}.customClaims[0]`,
    /STRING takes the operator EQUALS/,
  ],
  [
    'a claim with the wrong value',
    jwt({ customClaims: [claim({}, { claimMatchValue: { matchValueString: 'a' } })] }),
    `${top}.customClaims[0]`,
    /CONTAINS_ANY takes matchValueStringList/,
  ],
  [
    'an operator that is none',
    jwt({ customClaims: [claim({}, { claimMatchOperator: 'CONTAINSANY' })] }),
    `${top}.customClaims[0].authorizingClaimMatchValue.claimMatchOperator`,
    /Did you mean CONTAINS_ANY/,
  ],
]

for (const [what, value, at, says] of rows) {
  test(`is refused with its path: ${what}`, (t) => {
    const path = ['authorizerConfiguration', at].filter(Boolean).join('.')
    const found = problemsOf(t, withServer({}, { authorizerConfiguration: value }))
    assert.match(found[path] ?? JSON.stringify(found), says)
    const own = problemsOf(t, withServer({ authorizerConfiguration: value }))
    assert.match(own[`mcpServers.demo.${path}`] ?? JSON.stringify(own), says)
  })
}

test('an authorizer in the wrong place is told where it belongs', (t) => {
  const found = problemsOf(t, withServer(jwt(), jwt()))
  assert.match(found.customJWTAuthorizer ?? '', /belongs into authorizerConfiguration/)
  assert.match(found['mcpServers.demo.customJWTAuthorizer'] ?? '', /belongs into/)
})

test('keys that come over plain http are warned of, but not from this machine', (t) => {
  const at = (url: string) =>
    load(t, withServer({}, { authorizerConfiguration: jwt({ discoveryUrl: url }) })).warnings.join()
  assert.match(at('http://idp.lan/.well-known/openid-configuration'), /idp\.lan.*plain http/)
  assert.doesNotMatch(at('http://127.0.0.1:9/x/.well-known/openid-configuration'), /plain http/)
})
