import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { SignJWT } from 'jose'

import { keyAt, textAt } from '../../src/auth/claims.ts'
import { jwtRig } from './jwt-rig.ts'
import { startProvider } from './provider-rig.ts'

const provider = await startProvider({ after })
const rig = jwtRig(provider.discoveryUrl)
const [key] = provider.keys

/** Claims as they stand, null included. */
function sign(claims: object): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300
  return new SignJWT({ iss: provider.issuer, exp, ...claims })
    .setProtectedHeader({ alg: key!.alg, kid: key!.kid! })
    .sign(key!.privateKey)
}

const noNames = [
  null,
  0,
  1,
  -1.5,
  true,
  false,
  [],
  [''],
  ['alice'],
  {},
  { sub: 'alice' },
  '',
  ' ',
  '\t',
]

test('a subject that is no text names nobody, whatever else the token has', async () => {
  for (const sub of noNames) {
    for (const more of [{}, { client_id: 'c' }, { azp: 'c', email: 'a@b' }]) {
      const refusal = await rig.refusal(await sign({ sub, ...more }))
      assert.equal(refusal.statusCode, 401)
      assert.match(refusal.message, /its sub is no text that could name anybody/)
      assert.equal(refusal.challenge?.error, 'invalid_token')
    }
  }
})

test('a client_id that is no text names nobody', async () => {
  for (const client of noNames) {
    const refusal = await rig.refusal(await sign({ client_id: client }))
    assert.equal(refusal.statusCode, 401)
    assert.match(refusal.message, /its client_id is no text/)
    assert.equal(await rig.outcome(await sign({ sub: 0, client_id: client })), refusal.code)
    // Beside a subject it does not matter, and is nothing.
    const { identity } = await rig.ask(await sign({ sub: 'alice', client_id: client }))
    assert.equal(identity?.clientId, typeof client === 'string' && client ? client : undefined)
  }
  for (const claims of [{}, { sub: '' }, { client_id: '' }, { azp: 'c' }, { sub: '', azp: 'c' }]) {
    assert.equal((await rig.refusal(await sign(claims))).statusCode, 401)
  }
})

test('an issuer that is no text is another issuer', async () => {
  for (const iss of [...noNames, [provider.issuer]]) {
    const refusal = await rig.refusal(await sign({ iss, sub: 'alice' }))
    assert.equal(refusal.statusCode, 401)
  }
})

test('different people are different principals', async () => {
  const people = [{ sub: 'null' }, { sub: '0' }, { sub: '[]' }, { sub: 'c' }, { client_id: 'c' }]
  const texts = [{ sub: '[object Object]' }, { sub: 'undefined' }, { sub: '"' }, { sub: 'c ' }]
  const principals = await Promise.all(
    [...people, ...texts].map(async (claims) => rig.outcome(await sign(claims))),
  )
  assert.equal(new Set(principals).size, principals.length)
  for (const principal of principals) assert.doesNotMatch(principal, /^ERR_/)
})

test('a claim that tells users apart is a text with something in it, or a whole number', () => {
  for (const value of [null, true, false, 1.5, 1e300, [], ['a'], {}, '', ' ', undefined]) {
    assert.equal(keyAt({ who: value }, 'who'), undefined)
    assert.equal(keyAt({ org: { who: value } }, 'org.who'), undefined)
  }
  assert.equal(keyAt({ who: 'alice' }, 'who'), 'alice')
  assert.equal(keyAt({ org: { who: 7 } }, 'org.who'), '7')
  assert.equal(textAt({ ok: false }, 'ok'), 'false')
})
