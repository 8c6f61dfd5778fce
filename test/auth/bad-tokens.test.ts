import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { Agent, request } from 'node:http'
import { after, test } from 'node:test'

import { exportSPKI } from 'jose'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { makeKey, startProvider } from './provider-rig.ts'

const provider = await startProvider({ after }, [await makeKey('rsa', 'RS256')])
const [key] = provider.keys
const { discoveryUrl } = provider
const gateway = await startTestGateway(
  { after },
  { echo: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true } },
  { authorization: { global: { customJWTAuthorizer: { discoveryUrl, allowedScopes: ['mcp'] } } } },
)
const url = gateway.mcp('echo')
const metadata = `${gateway.url}/.well-known/oauth-protected-resource/servers/echo/mcp`

const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const bytesOf = (text: string): string => Buffer.from(text, 'base64url').toString('hex')
const nowSeconds = Math.floor(Date.now() / 1000)
const claims = { iss: provider.issuer, sub: 'alice', scope: 'mcp', exp: nowSeconds + 300 }
const good = await provider.sign(claims)
const [head = '', body = '', signature = ''] = good.split('.')
const spki = await exportSPKI(key!.publicKey)
const hmacInput = `${encoded({ alg: 'HS256', kid: 'rsa' })}.${encoded(claims)}`
const hmac = createHmac('sha256', spki).update(hmacInput).digest('base64url')

function statusOf(agent: Agent, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: 'POST', headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.once('error', reject).end()
  })
}

function ask(authorization?: string | string[], at = url) {
  return postRpc(at, initializeMessage(), { headers: { authorization } })
}

type Row = [
  what: string,
  authorization: string | string[] | undefined,
  status: 401 | 403,
  says: RegExp,
]

const invalid = /error="invalid_token", error_description="[^"]+"/
const noError = /^Bearer scope="mcp", resource_metadata=/
const rows: Row[] = [
  ['no token', undefined, 401, noError],
  ['another scheme', 'Basic YTpi', 401, noError],
  ['no scheme', good, 401, noError],
  ['an empty header', '', 401, noError],
  ['an empty token', 'Bearer ', 401, noError],
  ['a lone scheme', 'Bearer', 401, noError],
  ['two headers', [`Bearer ${good}`, `Bearer ${good}`], 401, noError],
  ['two tokens', `Bearer ${good} ${good}`, 403, invalid],
  ['alg none', `Bearer ${encoded({ alg: 'none' })}.${body}.`, 401, invalid],
  [
    'alg none, signed',
    `Bearer ${encoded({ alg: 'none', kid: 'rsa' })}.${body}.${signature}`,
    401,
    invalid,
  ],
  ['HS256 with the public key', `Bearer ${hmacInput}.${hmac}`, 401, invalid],
  [
    'a wrong key',
    `Bearer ${await provider.sign(claims, { key: await makeKey('rsa', 'RS256') })}`,
    401,
    invalid,
  ],
  [
    'an unknown key',
    `Bearer ${await provider.sign(claims, { key: await makeKey('x', 'RS256') })}`,
    401,
    invalid,
  ],
  [
    'another issuer',
    `Bearer ${await provider.sign({ ...claims, iss: 'https://evil.example' })}`,
    401,
    invalid,
  ],
  ['no issuer', `Bearer ${await provider.sign({ ...claims, iss: null })}`, 401, invalid],
  ['expired', `Bearer ${await provider.sign({ ...claims, exp: nowSeconds - 61 })}`, 401, invalid],
  ['no end', `Bearer ${await provider.sign({ ...claims, exp: null })}`, 401, invalid],
  [
    'an end that is no number',
    `Bearer ${await provider.sign({ ...claims, exp: 'soon' })}`,
    401,
    invalid,
  ],
  [
    'not valid yet',
    `Bearer ${await provider.sign({ ...claims, nbf: nowSeconds + 90 })}`,
    401,
    invalid,
  ],
  ['tampered', `Bearer ${head}.${encoded({ ...claims, sub: 'eve' })}.${signature}`, 401, invalid],
  ['no signature', `Bearer ${head}.${body}.`, 401, invalid],
  ['a body that is no JSON', `Bearer ${head}.${encoded('{')}.${signature}`, 401, invalid],
  ['nobody', `Bearer ${await provider.sign({ ...claims, sub: null })}`, 401, invalid],
  [
    'an encrypted token',
    `Bearer ${encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`,
    401,
    invalid,
  ],
  ['an opaque token', 'Bearer 2YotnFZFEjr1zCsicMWpAA', 403, invalid],
  ['64 KB', `Bearer ${head}.${'A'.repeat(64 * 1024)}.${signature}`, 401, invalid],
  [
    'a key in the header',
    `Bearer ${encoded({ alg: 'RS256', jwk: key!.jwk, jku: 'http://127.0.0.1:9/' })}.${body}.${signature}`,
    401,
    invalid,
  ],
  [
    'an unknown critical header',
    `Bearer ${encoded({ alg: 'RS256', kid: 'rsa', crit: ['x'], x: 1 })}.${body}.${signature}`,
    403,
    invalid,
  ],
  [
    'a scope that will not do',
    `Bearer ${await provider.sign({ ...claims, scope: 'openid' })}`,
    403,
    /error="insufficient_scope", error_description="[^"]+", scope="mcp"/,
  ],
]

for (const [what, authorization, status, says] of rows) {
  test(`${status}: ${what}`, async () => {
    const answer = await ask(authorization)
    assert.equal(answer.status, status)
    const challenge = answer.headers['www-authenticate'] ?? ''
    assert.match(challenge, says)
    assert.ok(challenge.endsWith(`scope="mcp", resource_metadata="${metadata}"`), challenge)
    const { error } = await answer.json()
    assert.equal(error?.code, status === 401 ? -32001 : -32002)
  })
}

test('403: an AWS signature, which no login would help', async () => {
  const answer = await ask('AWS4-HMAC-SHA256 Credential=AKID/20261126/us-east-1/x/aws4_request')
  assert.equal(answer.status, 403)
  assert.equal(answer.headers['www-authenticate'], undefined)
  assert.match((await answer.json()).error?.message ?? '', /^Authorization method mismatch/)
})

test('a token in the query is none', async () => {
  const answer = await ask(undefined, `${url}?access_token=${good}`)
  assert.equal(answer.status, 401)
  assert.doesNotMatch(answer.headers['www-authenticate'] ?? '', /access_token/)
})

test('every method asks for a token, and OPTIONS and health do not', async () => {
  for (const method of ['GET', 'DELETE', 'PUT']) {
    assert.equal((await rawRequest(url, { method })).status, 401, method)
  }
  assert.equal((await rawRequest(url, { method: 'OPTIONS' })).status, 204)
  for (const path of ['/healthz', '/readyz']) {
    assert.equal((await rawRequest(`${gateway.url}${path}`)).status, 200)
  }
})

test('what there is nobody learns without a token; a bad Host is refused before that', async () => {
  for (const path of ['/servers/none/mcp', '/nothing', '/servers/%22x%22/mcp']) {
    const answer = await ask(undefined, `${gateway.url}${path}`)
    assert.equal(answer.status, 401, path)
    const root = `${gateway.url}/.well-known/oauth-protected-resource`
    assert.ok(answer.headers['www-authenticate']?.endsWith(`resource_metadata="${root}"`))
    assert.equal((await ask(`Bearer ${good}`, `${gateway.url}${path}`)).status, 404, path)
  }
  const rebound = await rawRequest(url, { method: 'POST', headers: { host: 'evil.example' } })
  assert.equal(rebound.status, 403)
  assert.equal(rebound.headers['www-authenticate'], undefined)
})

test('a good signature in other letters is none: spare bits, padding, spaces, standard base64', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const signed = `${head}.${body}.`
  // 342 letters are 2052 bits, and 256 bytes are 2048.
  const lasts = Array.from(alphabet).filter((letter) => !signature.endsWith(letter))
  const same = lasts.filter(
    (letter) => bytesOf(signature.slice(0, -1) + letter) === bytesOf(signature),
  )
  assert.equal(same.length, 15)
  const spellings = [
    ...lasts.map((letter) => signature.slice(0, -1) + letter),
    `${signature}==`,
    `${signature}=`,
    `${signature.slice(0, 9)} ${signature.slice(9)}`,
    `${signature.slice(0, 9)}\t${signature.slice(9)}`,
    `${signature.slice(0, -2)}+/`,
  ]
  for (const spelling of spellings) {
    const { status } = await ask(`Bearer ${signed}${spelling}`)
    assert.ok(status === 401 || status === 403, `${spelling} got ${status}`)
  }
})

test('1 000 tokens that are nearly right are all refused', async () => {
  const algs = ['RS256', 'ES256', 'EdDSA', 'PS512', null] // not 6 of them, as there are of kinds
  const tokens = Array.from({ length: 1000 }, (_, n) => {
    const bytes = createHash('sha256').update(`token ${n}`).digest().subarray(0, 6)
    const at = bytes.readUInt16LE(0) % good.length
    const junk = bytes.toString('base64url')
    const kinds = [
      good.slice(0, at) + junk + good.slice(at),
      good.slice(0, at) + junk + good.slice(at + junk.length + 1),
      good.slice(0, at),
      `${head}.${junk.repeat(n % 50)}.${signature}`,
      `${encoded({ alg: algs[n % algs.length], kid: junk })}.${body}.${signature}`,
      [junk, '..', '.'.repeat(n), 'null', '{}', encoded(null), `${encoded([])}.${body}.x`][n % 7],
    ]
    return kinds[n % kinds.length] ?? ''
  })
  const left = tokens.entries()
  const others: [number: number, status: number, token: string][] = []
  const agent = new Agent({ keepAlive: true })
  const next = async (): Promise<void> => {
    for (const [n, token] of left) {
      const status = await statusOf(agent, token)
      if (status !== 401 && status !== 403) others.push([n, status, token])
    }
  }
  await Promise.all(Array.from({ length: 8 }, next))
  agent.destroy()
  assert.deepEqual(others, [])
})

test('none of this has started a worker, or asked the provider more than once', () => {
  assert.deepEqual(gateway.seen('session.opened'), [])
  assert.deepEqual(gateway.seen('worker.started'), [])
  assert.equal(provider.asked.length, 2)
})

test('the token that all of this was made from is good', async () => {
  assert.equal((await ask(`Bearer ${good}`)).status, 200)
  assert.equal((await ask(`bearer   ${good}`)).status, 200)
})
