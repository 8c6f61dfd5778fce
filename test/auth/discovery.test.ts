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
const issuer = 'https://idp.example.com'
documents['/keys'] = { keys: [] }
documents['/moved'] = `${base}/keys`

test('issuer and keys are taken from the document, whatever its own address', async () => {
  documents['/good'] = { issuer, jwks_uri: `${base}/keys` }
  assert.deepEqual(await discover(`${base}/good`), { issuer, keys: { keys: [] } })
})

for (const [what, document, says] of [
  ['no document', undefined, /\/bad answered 404/],
  ['no object', 7, /without a JSON object/],
  ['no issuer', { jwks_uri: `${base}/keys` }, /has no issuer/],
  ['no keys', { issuer }, /has no jwks_uri/],
  ['an address of keys that is none', { issuer, jwks_uri: '/keys' }, /has no jwks_uri/],
  ['keys that are not there', { issuer, jwks_uri: `${base}/none` }, /\/none answered 404/],
  [
    'keys that have moved',
    { issuer, jwks_uri: `${base}/moved` },
    /\/moved cannot be read: .*redirect/,
  ],
  ['a document that has moved', `${base}/good`, /\/bad cannot be read: .*redirect/],
  ['more than a document needs', { issuer, pad: 'x'.repeat(1 << 21) }, /more than 1048576 bytes/],
] as const) {
  test(`a provider is not taken for one with ${what}`, async () => {
    documents['/bad'] = document
    await assert.rejects(discover(`${base}/bad`), says)
  })
}
