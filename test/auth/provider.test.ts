import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { jwtRig } from './jwt-rig.ts'
import { makeKey, startProvider } from './provider-rig.ts'

test('nothing is fetched before the first token, and then once for all that come at once', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl)
  assert.deepEqual(provider.asked, [])
  const tokens = await Promise.all(['a', 'b', 'c'].map((sub) => provider.sign({ sub })))
  await Promise.all(tokens.map((token) => rig.outcome(token)))
  assert.deepEqual(provider.asked, ['/.well-known/openid-configuration', '/keys'])
})

test('a token that was seen is answered at once, without a signature, for 60 s', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl)
  const token = await provider.sign()
  // Two that come together are one look, and go on in their order.
  const order: number[] = []
  const ask = async (n: number): Promise<void> => {
    await rig.ask(token)
    order.push(n)
  }
  await Promise.all([ask(0), ask(1)])
  assert.deepEqual(order, [0, 1])
  for (let n = 0; n < 100; n += 1) assert.ok(!(rig.ask(token) instanceof Promise))
  assert.equal(rig.examined(), 1)
  rig.clock.advance(60_000)
  assert.ok(rig.ask(token) instanceof Promise)
  await rig.ask(token)
  assert.equal(rig.examined(), 2)
})

test('a token is not remembered past its end', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl, {}, 0)
  const token = await provider.sign({ exp: Math.floor(rig.clock.now() / 1000) + 10 })
  await rig.ask(token)
  rig.clock.advance(8000)
  assert.ok(!(rig.ask(token) instanceof Promise))
  rig.clock.advance(2000)
  assert.match((await rig.refusal(token)).message, /it has expired/)
})

test('the clock of a provider may differ by the skew, both ways', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl, {}, 30_000)
  const nowSeconds = Math.floor(rig.clock.now() / 1000)
  const of = async (claims: object) => rig.outcome(await provider.sign({ ...claims }))
  assert.match(await of({ exp: nowSeconds - 20 }), /alice/)
  assert.equal(await of({ exp: nowSeconds - 40 }), 'ERR_AUTH_TOKEN_INVALID')
  assert.match(await of({ nbf: nowSeconds + 20 }), /alice/)
  assert.equal(await of({ nbf: nowSeconds + 40 }), 'ERR_AUTH_TOKEN_INVALID')
})

test('a new key is found, and unknown ones make the provider be asked once per cool-down', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl)
  await rig.ask(await provider.sign())
  const second = await makeKey('second')
  provider.keys = [...provider.keys, second]
  const rotated = await provider.sign({}, { key: second })
  assert.equal(await rig.outcome(rotated), 'ERR_AUTH_TOKEN_INVALID')
  assert.equal(provider.asked.length, 2)
  rig.clock.advance(30_000)
  const unknown = await makeKey('unknown')
  const outcomes = await Promise.all([
    rig.outcome(rotated),
    ...Array.from({ length: 20 }, async (_, n) =>
      rig.outcome(await provider.sign({ sub: `s${n}` }, { key: unknown })),
    ),
  ])
  assert.match(outcomes[0], /alice/)
  assert.deepEqual(new Set(outcomes.slice(1)), new Set(['ERR_AUTH_TOKEN_INVALID']))
  assert.equal(provider.asked.length, 4)
})

test('a withdrawn key goes when the keys have grown old, in the background', async (t) => {
  const provider = await startProvider(t)
  const [first] = provider.keys
  const rig = jwtRig(provider.discoveryUrl)
  await rig.ask(await provider.sign())
  provider.keys = [await makeKey('second')]
  rig.clock.advance(10 * 60_000 + 1)
  const exp = Math.floor(rig.clock.now() / 1000) + 300
  const old = (sub: string) => provider.sign({ sub, exp }, { key: first! })
  assert.match(await rig.outcome(await old('a')), /"a"/)
  await eventually(() => assert.equal(provider.asked.length, 4))
  assert.match(await rig.outcome(await provider.sign({ exp })), /alice/)
  assert.equal(await rig.outcome(await old('b')), 'ERR_AUTH_TOKEN_INVALID')
})

test('while the provider is down known keys go on, and unknown ones are 503, not 401', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl)
  await rig.ask(await provider.sign())
  provider.isDown = true
  rig.clock.advance(60 * 60_000)
  const exp = Math.floor(rig.clock.now() / 1000) + 3000
  assert.match(await rig.outcome(await provider.sign({ sub: 'bob', exp })), /bob/)
  const second = await makeKey('second')
  const token = await provider.sign({ exp }, { key: second })
  const error = await rig.refusal(token)
  assert.deepEqual([error.code, error.statusCode], ['ERR_AUTH_PROVIDER', 503])
  assert.equal(error.retryAfterSeconds, 5)
  assert.equal(rig.warnings.length, 1)
  assert.match(rig.warnings[0] ?? '', /does not answer: .* answered 503/)

  provider.isDown = false
  provider.keys = [...provider.keys, second]
  const asked = provider.asked.length
  assert.equal(await rig.outcome(token), 'ERR_AUTH_PROVIDER', 'it is not asked again at once')
  assert.equal(provider.asked.length, asked)
  rig.clock.advance(5000)
  assert.match(await rig.outcome(token), /alice/)
})

test('a provider that has never answered is 503 for everybody, and then it is found', async (t) => {
  const provider = await startProvider(t)
  const rig = jwtRig(provider.discoveryUrl)
  provider.isDown = true
  const token = await provider.sign()
  assert.equal(await rig.outcome(token), 'ERR_AUTH_PROVIDER')
  assert.equal(await rig.outcome('garbage'), 'ERR_AUTH_TOKEN_MALFORMED')
  provider.isDown = false
  rig.clock.advance(5000)
  assert.match(await rig.outcome(token), /alice/)
})

test('keys without an id are tried one after the other', async (t) => {
  const keys = [await makeKey(undefined), await makeKey(undefined), await makeKey('rsa', 'RS256')]
  const provider = await startProvider(t, keys)
  const rig = jwtRig(provider.discoveryUrl)
  for (const key of keys) {
    assert.match(await rig.outcome(await provider.sign({ sub: key.alg }, { key })), /S256/)
  }
  const stranger = await makeKey(undefined)
  assert.equal(
    await rig.outcome(await provider.sign({ sub: 'eve' }, { key: stranger })),
    'ERR_AUTH_TOKEN_INVALID',
  )
})
