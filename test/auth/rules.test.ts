import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import type { JwtSetting } from '../../src/auth/options.ts'
import { jwtRig } from './jwt-rig.ts'
import { startProvider } from './provider-rig.ts'

const provider = await startProvider({ after })
const alice = JSON.stringify([provider.issuer, 'alice'])

type Custom = NonNullable<JwtSetting['customClaims']>[number]
const text = (name: string, value: string): Custom => ({
  inboundTokenClaimName: name,
  inboundTokenClaimValueType: 'STRING',
  authorizingClaimMatchValue: {
    claimMatchOperator: 'EQUALS',
    claimMatchValue: { matchValueString: value },
  },
})
const contains = (name: string, value: string): Custom => ({
  inboundTokenClaimName: name,
  inboundTokenClaimValueType: 'STRING_ARRAY',
  authorizingClaimMatchValue: {
    claimMatchOperator: 'CONTAINS',
    claimMatchValue: { matchValueString: value },
  },
})
const containsAny = (name: string, ...values: string[]): Custom => ({
  inboundTokenClaimName: name,
  inboundTokenClaimValueType: 'STRING_ARRAY',
  authorizingClaimMatchValue: {
    claimMatchOperator: 'CONTAINS_ANY',
    claimMatchValue: { matchValueStringList: values },
  },
})

const all: Omit<JwtSetting, 'discoveryUrl'> = {
  allowedAudience: ['a', 'b'],
  allowedClients: ['c'],
  allowedScopes: ['x', 'y'],
  customClaims: [text('tier', 'gold')],
}
const good = { aud: 'a', client_id: 'c', scope: 'x', tier: 'gold' }

type Row = [
  what: string,
  rules: Omit<JwtSetting, 'discoveryUrl'>,
  claims: Record<string, unknown>,
  outcome?: 'ERR_AUTH_CLAIM_MISMATCH' | 'ERR_AUTH_SCOPE',
]

const rows: Row[] = [
  ['without a rule every token of the issuer', {}, {}],

  ['aud is a text', { allowedAudience: ['a', 'b'] }, { aud: 'b' }],
  ['aud is a list', { allowedAudience: ['a'] }, { aud: ['z', 'a'] }],
  ['aud is another', { allowedAudience: ['a'] }, { aud: 'z' }, 'ERR_AUTH_CLAIM_MISMATCH'],
  ['aud only begins alike', { allowedAudience: ['a'] }, { aud: 'ab' }, 'ERR_AUTH_CLAIM_MISMATCH'],
  ['aud is missing', { allowedAudience: ['a'] }, {}, 'ERR_AUTH_CLAIM_MISMATCH'],
  ['aud is not asked for', { allowedClients: ['c'] }, { client_id: 'c', aud: 'z' }],

  ['client_id is one of them', { allowedClients: ['b', 'c'] }, { client_id: 'c' }],
  [
    'client_id is another',
    { allowedClients: ['c'] },
    { client_id: 'z' },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  ['azp does not count', { allowedClients: ['c'] }, { azp: 'c' }, 'ERR_AUTH_CLAIM_MISMATCH'],
  ['aud is no client', { allowedClients: ['c'] }, { aud: 'c' }, 'ERR_AUTH_CLAIM_MISMATCH'],
  [
    'client_id is a list',
    { allowedClients: ['c'] },
    { client_id: ['c'] },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  ['client_id is missing', { allowedClients: ['undefined'] }, {}, 'ERR_AUTH_CLAIM_MISMATCH'],

  ['scope has any of them', { allowedScopes: ['x', 'y'] }, { scope: 'openid y' }],
  ['scope has none of them', { allowedScopes: ['x'] }, { scope: 'openid xx' }, 'ERR_AUTH_SCOPE'],
  ['scope is empty', { allowedScopes: ['x'] }, { scope: '' }, 'ERR_AUTH_SCOPE'],
  ['scope is missing', { allowedScopes: ['x'] }, {}, 'ERR_AUTH_SCOPE'],
  ['scp is a list', { allowedScopes: ['x'] }, { scp: ['openid', 'x'] }],
  ['scp is a text', { allowedScopes: ['x'] }, { scp: 'openid x' }],

  ['EQUALS', { customClaims: [text('tier', 'gold')] }, { tier: 'gold' }],
  [
    'EQUALS another',
    { customClaims: [text('tier', 'gold')] },
    { tier: 'Gold' },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  [
    'EQUALS with a list',
    { customClaims: [text('tier', 'gold')] },
    { tier: ['gold'] },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  [
    'EQUALS with a number',
    { customClaims: [text('tier', '1')] },
    { tier: 1 },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  [
    'a claim that every object has',
    { customClaims: [contains('constructor', 'x')] },
    {},
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  ['CONTAINS', { customClaims: [contains('groups', 'a')] }, { groups: ['b', 'a'] }],
  [
    'CONTAINS another',
    { customClaims: [contains('groups', 'a')] },
    { groups: ['ab'] },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  [
    'CONTAINS with a text',
    { customClaims: [contains('groups', 'a')] },
    { groups: 'a' },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  ['CONTAINS_ANY', { customClaims: [containsAny('groups', 'a', 'b')] }, { groups: ['c', 'b'] }],
  [
    'CONTAINS_ANY of others',
    { customClaims: [containsAny('groups', 'a', 'b')] },
    { groups: ['c'] },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],
  [
    'one of two custom claims',
    { customClaims: [text('tier', 'gold'), contains('groups', 'a')] },
    { tier: 'gold', groups: [] },
    'ERR_AUTH_CLAIM_MISMATCH',
  ],

  ['all that is configured', all, good],
  ['all but aud', all, { ...good, aud: 'z' }, 'ERR_AUTH_CLAIM_MISMATCH'],
  ['all but client_id', all, { ...good, client_id: 'z' }, 'ERR_AUTH_CLAIM_MISMATCH'],
  ['all but scope', all, { ...good, scope: 'z' }, 'ERR_AUTH_SCOPE'],
  ['all but a custom claim', all, { ...good, tier: 'z' }, 'ERR_AUTH_CLAIM_MISMATCH'],
]

for (const [what, rules, claims, outcome = alice] of rows) {
  test(`${outcome === alice ? 'lets in' : 'refuses'}: ${what}`, async () => {
    const rig = jwtRig(provider.discoveryUrl, rules)
    assert.equal(await rig.outcome(await provider.sign(claims)), outcome)
  })
}

test('a refusal names the claim, and nothing that stands in the token', async () => {
  const rig = jwtRig(provider.discoveryUrl, { allowedClients: ['c'] })
  const error = await rig.refusal(await provider.sign({ client_id: 'hush' }))
  assert.match(error.message, /Claim 'client_id' value mismatch with configuration/)
  assert.doesNotMatch(JSON.stringify([error.message, error.challenge, error.data]), /hush|alice/)
})

test('a principal is issuer and subject, and client_id where there is no subject', async () => {
  const rig = jwtRig(provider.discoveryUrl)
  const { issuer } = provider
  const of = async (claims: object) => rig.outcome(await provider.sign({ ...claims }))
  assert.equal(await of({ sub: 'a"b', client_id: 'c' }), JSON.stringify([issuer, 'a"b']))
  assert.equal(await of({ sub: null, client_id: 'c' }), JSON.stringify([issuer, null, 'c']))
  assert.equal(await of({ sub: '', client_id: 'c' }), 'ERR_AUTH_TOKEN_INVALID')
  assert.equal(await of({ sub: 'c' }), JSON.stringify([issuer, 'c']))
  assert.equal(await of({ sub: null }), 'ERR_AUTH_TOKEN_INVALID')
})

test('a caller has all claims, which nobody can change', async () => {
  const rig = jwtRig(provider.discoveryUrl)
  const { identity } = await rig.ask(await provider.sign({ email: 'a@b', client_id: 'c' }))
  assert.ok(identity)
  assert.deepEqual([identity.iss, identity.sub, identity.clientId], [provider.issuer, 'alice', 'c'])
  assert.equal(identity.claims.email, 'a@b')
  assert.throws(() => Object.assign(identity.claims, { email: 'x' }), TypeError)
})
