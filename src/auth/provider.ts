import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { createLocalJWKSet, errors } from 'jose'

import type { Clock } from '../ground/clock.ts'
import { GatewayError, messageOf } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'

/** What an identity provider says of itself. */
export interface Published {
  issuer: string
  keys: JSONWebKeySet
}

/** An identity provider: its issuer, and the keys that its tokens are signed with. */
export interface Provider {
  /** @throws ERR_AUTH_PROVIDER when it has never answered */
  issuer(): Promise<string>
  /**
   * Calls `verify` with issuer and keys; once more with fresh ones when the key of the token was
   * not among them.
   *
   * @throws ERR_AUTH_PROVIDER when the key is unknown and the provider does not answer; else what
   *   `verify` threw
   */
  withKeys<T>(verify: (issuer: string, keys: JWTVerifyGetKey) => Promise<T>): Promise<T>
}

export interface ProviderOptions {
  clock: Clock
  /** How the provider is named to the operator. */
  name: string
  load(): Promise<Published>
  /** Said once each time that it stops answering. */
  warn(message: string): void
}

/** Keys are fetched anew after so long, in the background, so that withdrawn ones go. */
const freshMs = 10 * 60 * 1000
/** An unknown key makes the provider be asked at most so often: anybody can invent a key id. */
const coolDownMs = 30 * 1000
/** The same while it does not answer. */
const retryMs = 5 * 1000

/**
 * Nothing is fetched before the first token comes. What was fetched is kept for as long as the
 * provider is down: tokens with known keys go on, and only unknown ones have to wait.
 */
export function createProvider({ clock, name, load, warn }: ProviderOptions): Provider {
  let known: { issuer: string; keys: JWTVerifyGetKey; atMs: number } | undefined
  let failed: { atMs: number; why: unknown } | undefined
  let loading: Promise<void> | undefined

  /** Settles when it was tried, whatever came of it. */
  function reload(): Promise<void> {
    loading ??= load()
      .then(({ issuer, keys }) => {
        known = { issuer, keys: createLocalJWKSet(keys), atMs: clock.now() }
        failed = undefined
      })
      .catch((why: unknown) => {
        if (failed === undefined)
          warn(`The identity provider ${name} does not answer: ${messageOf(why)}`)
        failed = { atMs: clock.now(), why }
      })
      .finally(() => (loading = undefined))
    return loading
  }

  const isDown = (): boolean => failed !== undefined && clock.now() - failed.atMs < retryMs

  async function current(): Promise<NonNullable<typeof known>> {
    if (known === undefined && !isDown()) await reload()
    if (known === undefined) throw unavailable()
    if (clock.now() - known.atMs > freshMs && !isDown()) {
      inBackground(reload(), tellFault('asking an identity provider'))
    }
    return known
  }

  function unavailable(): GatewayError {
    return new GatewayError('ERR_AUTH_PROVIDER', {
      params: { provider: name, why: messageOf(failed?.why) },
      retryAfterSeconds: retryMs / 1000,
      cause: failed?.why,
    })
  }

  return {
    issuer: async () => (await current()).issuer,

    async withKeys(verify) {
      const before = await current()
      try {
        return await verify(before.issuer, before.keys)
      } catch (thrown) {
        if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown
        // Another request may have fetched them since this one began.
        const atMs = known?.atMs ?? before.atMs
        if (loading !== undefined || (clock.now() - atMs >= coolDownMs && !isDown())) await reload()
        if (failed !== undefined) throw unavailable()
        const { issuer, keys } = await current()
        return verify(issuer, keys)
      }
    },
  }
}
