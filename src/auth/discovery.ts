import type { JSONWebKeySet } from 'jose'

import { messageOf } from '../ground/errors.ts'
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
  if (typeof keysUrl !== 'string' || !URL.canParse(keysUrl)) {
    throw new Error(`${discoveryUrl} has no jwks_uri`)
  }
  if (discoveryUrl.startsWith('https:') && !keysUrl.startsWith('https:')) {
    throw new Error(`${discoveryUrl} names a jwks_uri that is not https`)
  }
  const keys = await fetchJson(keysUrl)
  return { issuer, keys: keys as unknown as JSONWebKeySet }
}

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
  const value: unknown = JSON.parse(text)
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
