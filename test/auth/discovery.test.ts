import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'

import { discover } from '../../src/auth/discovery.ts'

const documents: Record<string, unknown> = {}
const server = createServer(({ url = '' }, response) => {
  const document = documents[url]
  const isElsewhere = typeof document === 'string'
  response.writeHead(document === undefined ? 404 : isElsewhere ? 302 : 200, {
    connection: 'close',
    ...(isElsewhere ? { location: document } : {}),
  })
  response.end(JSON.stringify(document ?? null))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
after(() => void server.close())
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const issuer = `${base}/bad`
const wellKnown = '/.well-known/openid-configuration'
documents['/keys'] = { keys: [] }
documents['/none-here'] = { keys: {} }
documents['/moved'] = `${base}/keys`

test('issuer and keys are taken from the document, whose issuer is at home there', async () => {
  for (const home of [base, `${base}/`, `${base}/realms/one`, `${base}/realms/one/`]) {
    const url = `${home.replace(/\/$/, '')}${wellKnown}`
    documents[new URL(url).pathname] = { issuer: home, jwks_uri: `${base}/keys` }
    assert.deepEqual(await discover(url), { issuer: home, keys: { keys: [] } })
  }
})

test('a document that speaks for another issuer is refused, and says what to set', async () => {
  const url = `${base}/tenant${wellKnown}`
  const speak = (said: unknown): void => {
    documents[`/tenant${wellKnown}`] = { issuer: said, jwks_uri: `${base}/keys` }
  }
  speak('https://idp.example.com/other/')
  await assert.rejects(discover(url), {
    message: `${url} says that its issuer is "https://idp.example.com/other/", which is not at home there. If that is your identity provider, set discoveryUrl to https://idp.example.com/other${wellKnown}`,
  })
  for (const said of [
    base,
    `${base}/tenant//`,
    `${base}/TENANT`,
    `${base}/tenant/.`,
    `${base}/tenant?x`,
    `${base}/tenant#`,
    ` ${base}/tenant`,
    `${base.replace('127.0.0.1', 'localhost')}/tenant`,
    url,
    'tenant',
    '\u001b]0;x\u0007\u202e',
  ]) {
    speak(said)
    await assert.rejects(discover(url), (thrown: Error) => {
      assert.match(thrown.message, /which is not at home there/)
      return !/[\u001b\u0007\u202e]/.test(thrown.message)
    })
  }
  for (const said of [null, 0, [], [`${base}/tenant`], {}, '']) {
    speak(said)
    await assert.rejects(discover(url), /has no issuer/)
  }
})

test('keys are taken over https, or where the operator named http', async () => {
  for (const keys of [
    'http://keys.example/keys',
    'http://127.0.0.1.evil.example/keys',
    'http://127.0.0.1@evil.example/keys',
    'ftp://127.0.0.1/keys',
    'file:///etc/passwd',
    'data:application/json,{"keys":[]}',
  ]) {
    documents[`/bad${wellKnown}`] = { issuer, jwks_uri: keys }
    await assert.rejects(discover(`${issuer}${wellKnown}`), /a jwks_uri that is not https/, keys)
  }
})

for (const [what, document, says] of [
  ['no document', undefined, /\/openid-configuration answered 404/],
  ['no object', 7, /without a JSON object/],
  ['no issuer', { jwks_uri: `${base}/keys` }, /has no issuer/],
  ['no keys', { issuer }, /has no jwks_uri/],
  ['an address of keys that is none', { issuer, jwks_uri: '/keys' }, /has no jwks_uri/],
  ['keys that are none', { issuer, jwks_uri: `${base}/none-here` }, /\/none-here has no keys/],
  ['keys that are not there', { issuer, jwks_uri: `${base}/none` }, /\/none answered 404/],
  [
    'keys that have moved',
    { issuer, jwks_uri: `${base}/moved` },
    /\/moved cannot be read: .*redirect/,
  ],
  ['a document that has moved', `${base}/keys`, /-configuration cannot be read: .*redirect/],
  ['more than a document needs', { issuer, pad: 'x'.repeat(1 << 21) }, /more than 1048576 bytes/],
] as const) {
  test(`a provider is not taken for one with ${what}`, async () => {
    documents[`/bad${wellKnown}`] = document
    await assert.rejects(discover(`${issuer}${wellKnown}`), says)
  })
}
