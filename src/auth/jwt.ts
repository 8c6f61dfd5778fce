import { hash } from 'node:crypto'

import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { decodeProtectedHeader, errors, jwtVerify } from 'jose'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { createSharedWork } from '../ground/shared-work.ts'
import { bearerToken, invalidToken } from './bearer.ts'
import type { Authorizer, Caller } from './check.ts'
import { principalOf } from './check.ts'
import { nameIn } from './claims.ts'
import { createMemory } from './memory.ts'
import type { JwtSetting } from './options.ts'
import type { Provider } from './provider.ts'
import { checkClaims } from './rules.ts'

export interface JwtAuthorizerOptions {
  clock: Clock
  provider: Provider
  rules: Omit<JwtSetting, 'discoveryUrl'>
  clockSkewMs: number
  /** Called each time that a signature is looked at. */
  onExamined(): void
}

/** Whoever can verify a signature with one of these could not make one with the same key. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

/** A withdrawn key or a change of the rules' outcome is noticed within so long. */
const rememberedMs = 60 * 1000
const maxRemembered = 10_000

/**
 * AgentCore's `customJWTAuthorizer`: issuer, signature and expiry always, then the claims. A token
 * that was let in is remembered by its hash, so that a call of the same token costs no signature.
 */
export function createJwtAuthorizer(options: JwtAuthorizerOptions): Authorizer {
  const { clock, provider, rules, clockSkewMs } = options
  const remembered = createMemory<Caller>(clock, maxRemembered)
  // One look for all requests that bring the same token at once.
  const share = createSharedWork<string, Caller>()

  const keyOf = (token: string): string => hash('sha256', token, 'base64')

  return {
    name: 'jwt',
    isOpen: false,
    login: { scopes: advertisedScopes(rules), issuer: provider.issuer },
    authenticate(asking) {
      const token = bearerToken(asking)
      const key = keyOf(token)
      return remembered.get(key) ?? share(key, () => verify(token, key))
    },
    recall(asking) {
      try {
        return remembered.get(keyOf(bearerToken(asking)))
      } catch {
        return undefined
      }
    },
  }

  async function verify(token: string, key: string): Promise<Caller> {
    checkForm(token)
    const claims = await provider
      .withKeys((issuer, keys) => genuine(token, issuer, keys))
      .catch((thrown: unknown) => {
        throw thrown instanceof errors.JWKSNoMatchingKey ? invalidToken(unknownKey) : thrown
      })
    checkClaims(claims, rules)
    const caller = callerOf(claims)
    const untilMs = (claims.exp ?? 0) * 1000 + clockSkewMs
    remembered.set(key, caller, Math.min(clock.now() + rememberedMs, untilMs))
    return caller
  }

  async function genuine(
    token: string,
    issuer: string,
    keys: JWTVerifyGetKey,
  ): Promise<JWTPayload> {
    options.onExamined()
    const wanted = {
      issuer,
      algorithms,
      clockTolerance: clockSkewMs / 1000,
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp'],
    }
    try {
      return (await jwtVerify(token, keys, wanted)).payload
    } catch (thrown) {
      if (thrown instanceof errors.JWKSNoMatchingKey) throw thrown
      if (!(thrown instanceof errors.JWKSMultipleMatchingKeys)) throw refusalOf(thrown)
      for await (const candidate of thrown) {
        const payload = await jwtVerify(token, candidate, wanted).then(
          (verified) => verified.payload,
          (reason: unknown) => {
            if (!(reason instanceof errors.JWSSignatureVerificationFailed)) throw refusalOf(reason)
          },
        )
        if (payload !== undefined) return payload
      }
      throw invalidToken('its signature is wrong')
    }
  }
}

const unknownKey = 'it is not signed with a key of the identity provider'

/** What clients are told to ask for. */
function advertisedScopes(rules: Omit<JwtSetting, 'discoveryUrl'>): string[] {
  const { allowedScopes = [], advertisedScopeMapping = {} } = rules
  return allowedScopes.map((scope) =>
    Object.hasOwn(advertisedScopeMapping, scope) ? (advertisedScopeMapping[scope] ?? scope) : scope,
  )
}

function callerOf(claims: JWTPayload): Caller {
  const iss = nameIn(claims, 'iss')
  const sub = nameIn(claims, 'sub')
  // Beside a subject it names nobody, and a provider may write there what it likes.
  const clientId = sub === undefined ? nameIn(claims, 'client_id') : textOf(claims.client_id)
  if (iss === undefined) throw invalidToken('it has no iss')
  if (sub === undefined && clientId === undefined) {
    throw invalidToken('it has neither sub nor client_id, and so belongs to nobody')
  }
  const identity = { iss, sub, clientId, claims: Object.freeze(claims) }
  return Object.freeze({ principal: principalOf(identity), identity })
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** What can be no token of anybody is refused before a provider is asked for its keys. */
function checkForm(token: string): void {
  let alg: string | undefined
  try {
    alg = decodeProtectedHeader(token).alg
  } catch {
    throw malformed() // what it says of it may have a part of the token in it
  }
  if (alg === undefined || !algorithms.includes(alg)) throw invalidToken(badAlgorithm)
  if (!isBase64url(token.split('.')[2] ?? '')) throw malformed()
}

/**
 * Whether it is written as RFC 7515 wants it: without padding, spaces, or bits that belong to no
 * byte. Nothing else keeps others from writing one token in many ways: its signature covers all of
 * it but itself, and jose reads it leniently.
 */
const isBase64url = (text: string): boolean =>
  Buffer.from(text, 'base64url').toString('base64url') === text

const badAlgorithm = 'it is not signed with an algorithm that is allowed'

function malformed(): GatewayError {
  return new GatewayError('ERR_AUTH_TOKEN_MALFORMED', {
    challenge: { error: 'invalid_token', description: 'The token cannot be parsed.' },
  })
}

/** Why jose refused it, in words without anything of the token. */
function refusalOf(thrown: unknown): GatewayError {
  if (thrown instanceof errors.JWTExpired) return invalidToken('it has expired')
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = thrown
    if (claim === 'nbf' && reason === 'check_failed') return invalidToken('it is not valid yet')
    if (claim === 'iss') return invalidToken('it is of another issuer')
    return invalidToken(reason === 'missing' ? `it has no ${claim}` : `its ${claim} is wrong`)
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed) {
    return invalidToken('its signature is wrong')
  }
  if (thrown instanceof errors.JOSEAlgNotAllowed) return invalidToken(badAlgorithm)
  if (thrown instanceof errors.JOSEError) return malformed()
  return invalidToken('it could not be verified', thrown)
}
