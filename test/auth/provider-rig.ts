import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { JWK } from 'jose'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

import { atEnd } from '../support/at-end.ts'
import type { Owner } from '../support/temp.ts'

export type Key = Awaited<ReturnType<typeof makeKey>>

export interface SignOptions {
  key?: Key
}

/** An identity provider over real HTTP, whose every answer can be changed and is counted. */
export interface StubProvider {
  issuer: string
  discoveryUrl: string
  /** Paths that were asked for. */
  asked: string[]
  /** What it publishes; change it to rotate. */
  keys: Key[]
  isDown: boolean
  /** Good for five minutes and for `alice`, unless the claims say otherwise; null takes one away. */
  sign(claims?: Record<string, unknown>, options?: SignOptions): Promise<string>
}

export async function makeKey(kid: string | undefined, alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), alg, ...(kid === undefined ? {} : { kid }) }
  return { kid, alg, privateKey, publicKey, jwk }
}

export async function startProvider(t: Owner, keys?: Key[]): Promise<StubProvider> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': {
        issuer: provider.issuer,
        jwks_uri: `${provider.issuer}/keys`,
      },
      '/keys': { keys: provider.keys.map(({ jwk }) => jwk) },
    }
    const document = provider.isDown ? undefined : documents[request.url ?? '']
    response.writeHead(document === undefined ? 503 : 200, { connection: 'close' })
    response.end(JSON.stringify(document ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(t, () => new Promise((resolve) => server.close(() => resolve())))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider: StubProvider = {
    issuer,
    discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    asked,
    keys: keys ?? [await makeKey('first')],
    isDown: false,
    async sign(claims = {}, { key = provider.keys[0]! } = {}) {
      const nowSeconds = Math.floor(Date.now() / 1000)
      const usual = { iss: issuer, sub: 'alice', iat: nowSeconds, exp: nowSeconds + 300 }
      const all = Object.entries<unknown>({ ...usual, ...claims }).filter(
        ([, value]) => value !== null,
      )
      const named = key.kid === undefined ? {} : { kid: key.kid }
      return new SignJWT(Object.fromEntries(all))
        .setProtectedHeader({ alg: key.alg, ...named })
        .sign(key.privateKey)
    },
  }
  return provider
}
