import type { JWK } from 'jose'

import { messageOf } from '../ground/errors.ts'
import { parseJson } from '../ground/json.ts'
import { isLoopback } from '../ground/loopback.ts'
import { plainLine } from '../ground/terminal.ts'
import { discoveryPath } from './local-issuer.ts'
import type { Published } from './provider.ts'

const limitMs = 5000
const limitBytes = 1024 * 1024

/**
 * Asks an identity provider for its issuer and its keys. Both addresses come from the operator:
 * one from the configuration, the other from the document that stands there. Redirects are not
 * followed, because they would lead somewhere that nobody has named.
 */
export async function discover(discoveryUrl: string): Promise<Published> {
  const { issuer, jwks_uri: keysUrl } = await fetchJson(discoveryUrl)
  if (typeof issuer !== 'string' || issuer === '') throw new Error(`${discoveryUrl} has no issuer`)
  checkIssuer(issuer, discoveryUrl)
  if (typeof keysUrl !== 'string' || !URL.canParse(keysUrl)) {
    throw new Error(`${discoveryUrl} has no jwks_uri`)
  }
  checkKeysUrl(new URL(keysUrl), discoveryUrl)
  const { keys } = await fetchJson(keysUrl)
  if (!Array.isArray(keys)) throw new Error(`${keysUrl} has no keys`)
  return { issuer, keys: { keys: keys as JWK[] } }
}

/**
 * An issuer is believed where it is at home: else whoever can write one document at an address
 * that is trusted could speak for any other.
 *
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation
 */
function checkIssuer(issuer: string, discoveryUrl: string): void {
  // A slash at the end of an issuer is left out before the path is put behind it (section 4.1).
  const home = `${issuer.replace(/\/$/, '')}${discoveryPath}`
  if (home === discoveryUrl) return
  const said = JSON.stringify(plainLine(issuer, 200))
  const hint = isHttpUrl(issuer)
    ? `. If that is your identity provider, set discoveryUrl to ${plainLine(home, 300)}`
    : ''
  throw new Error(
    `${discoveryUrl} says that its issuer is ${said}, which is not at home there${hint}`,
  )
}

/** Keys that came over plain http could be anybody's, but for an address that the operator gave so. */
function checkKeysUrl(keysUrl: URL, discoveryUrl: string): void {
  if (keysUrl.protocol === 'https:') return
  const given = new URL(discoveryUrl)
  const isNear = isLoopback(keysUrl.hostname) || keysUrl.origin === given.origin
  if (keysUrl.protocol === 'http:' && given.protocol === 'http:' && isNear) return
  throw new Error(`${discoveryUrl} names a jwks_uri that is not https`)
}

const isHttpUrl = (text: string): boolean =>
  /^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text)

async function fetchJson(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(limitMs),
  }).catch((thrown: unknown) => {
    // `fetch failed` says nothing; what it was stands behind it.
    const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown
    throw new Error(`${url} cannot be read: ${messageOf(cause)}`, { cause: thrown })
  })
  const text = await textOf(response, url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  const { value } = { value: undefined, ...parseJson(text, limitBytes) }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new Error(`${url} answered without a JSON object`)
}

async function textOf(response: Response, url: string): Promise<string> {
  const body: AsyncIterable<Uint8Array> | Uint8Array[] = response.body ?? []
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limitBytes) throw new Error(`${url} answered with more than ${limitBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
