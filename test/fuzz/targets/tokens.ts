import { strict as assert } from 'node:assert'
import { createHmac, sign } from 'node:crypto'

import fc from 'fast-check'

import { jwtRig } from '../../auth/jwt-rig.ts'
import type { StubProvider } from '../../auth/provider-rig.ts'
import { startProvider } from '../../auth/provider-rig.ts'
import { postRpc } from '../../support/raw-http.ts'
import { tryBatches } from '../fuzz.ts'
import { startStand } from '../stand.ts'
import type { Target } from '../target.ts'
import { anyJson, jsonText, nastyText } from '../values.ts'

const claimNames = ['sub', 'client_id', 'aud', 'iss', 'exp', 'nbf', 'iat', 'scope', 'scp', 'groups']
const luck = fc.nat(99)

/** A token whose signature is right, most of the time. */
const token = fc.record({
  claims: fc.dictionary(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...claimNames) },
      { weight: 1, arbitrary: nastyText },
    ),
    anyJson,
    { maxKeys: 4 },
  ),
  header: fc.dictionary(fc.constantFrom('alg', 'kid', 'typ', 'crit', 'b64', 'jwk'), anyJson, {
    maxKeys: 2,
  }),
  /** Of a hundred: few are no object, have another header, or another signature. */
  luck: fc.record({ payload: luck, header: luck, signature: luck, form: luck }),
  payload: jsonText,
  form: nastyText,
})

type Token = typeof token extends fc.Arbitrary<infer T> ? T : never

const size = 100

/** Claims of any type and shape, signed with a key of the provider. */
export const tokens: Target = {
  name: 'tokens',
  about: 'tokens of a provider that is trusted, with claims of any type and shape',
  share: 1000,
  async run(t, cases) {
    const provider = await startProvider(t)
    const { discoveryUrl } = provider
    const rig = jwtRig(discoveryUrl)
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
    const stand = await startStand(t, {
      servers: {},
      config: { authorization: { global: { customJWTAuthorizer: { discoveryUrl } } } },
      headers: bearer(await provider.sign({ sub: 'bystander', exp: 4e9 })),
    })
    const people = new Map<string, string>()
    const url = stand.mcp('bystander')

    await tryBatches('tokens', cases, { made: token, size }, async (batch) => {
      for (const one of batch) {
        const text = textOf(one, provider)
        const caller = await Promise.resolve()
          .then(() => rig.ask(text))
          .catch(() => undefined)
        if (caller !== undefined) {
          const { sub, client_id: of } = caller.identity!.claims as Record<string, unknown>
          const who = JSON.stringify(isName(sub) ? ['sub', sub] : ['client', of])
          assert.ok(isName(sub) || isName(of), `nobody is let in: ${who}`)
          assert.equal(people.get(caller.principal) ?? who, who, 'two people are one')
          people.set(caller.principal, who)
        }
        const message = { jsonrpc: '2.0', id: 1, method: 'ping' }
        const headers = headerOf(text)
        if (headers === undefined) continue
        const answer = await postRpc(url, message, { sessionId: stand.sessionId, headers })
        assert.ok([400, 401, 403, 404].includes(answer.status), `${answer.status} for ${text}`)
        await answer.text()
      }
      await stand.check()
    })
  },
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== ''

/** What no header can hold is no token. */
function headerOf(text: string): { authorization: string } | undefined {
  return /^[\x20-\x7e]*$/.test(text) ? { authorization: `Bearer ${text}` } : undefined
}

function textOf(one: Token, { issuer, keys }: StubProvider): string {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const usual = { iss: issuer, sub: 'mallory', exp: nowSeconds + 300 }
  const key = keys[0]!
  const right = { alg: key.alg, kid: key.kid }
  const header = one.luck.header < 10 ? { ...right, ...one.header } : right
  const payload = one.luck.payload < 10 ? one.payload : JSON.stringify({ ...usual, ...one.claims })
  const signed = [JSON.stringify(header), payload]
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
  const signature =
    one.luck.signature < 5
      ? createHmac('sha256', JSON.stringify(key.jwk)).update(signed).digest()
      : sign('sha256', Buffer.from(signed), {
          key: key.privateKey as never,
          dsaEncoding: 'ieee-p1363',
        })
  const whole = `${signed}.${signature.toString('base64url')}`
  return one.luck.form < 5 ? `${one.form}${whole}` : whole
}
