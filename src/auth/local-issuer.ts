import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readOwnFile } from '../ground/own-files.ts'
import { mustRemove } from '../ground/removal.ts'
import { openStateDir } from '../ground/state-dir.ts'

import type { JWK, JWTPayload } from 'jose'

import { GatewayError } from '../ground/errors.ts'
import type { Published } from './provider.ts'

/**
 * An identity provider for one machine: a key in the state directory. Whoever can read the key can
 * be anybody, which is whoever could read the sessions and the admin token of the gateway, too.
 */
export interface LocalIssuer {
  issuer: string
  discoveryUrl: string
  /** What may be shown: the issuer and its public key. */
  published: Published
  /** The private key, on this machine only. */
  key: JWK
}

export const discoveryPath = '/.well-known/openid-configuration'
export const keysPath = '/keys'
/** Where the issuer is on the admin listener, which nobody else can reach. */
export const localIssuerPath = '/identity'

const algorithm = 'ES256'
const folderIn = (stateDir: string): string => join(stateDir, 'identity')
const fileIn = (stateDir: string): string => join(folderIn(stateDir), 'issuer.json')

/** Makes the local issuer of this state directory, or gives the one that it has. */
export async function initLocalIssuer(stateDir: string, issuer: string): Promise<LocalIssuer> {
  const known = readLocalIssuer(stateDir)
  if (known !== undefined) return known
  const { exportJWK, generateKeyPair } = await import('jose')
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const key = { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: algorithm, use: 'sig' }
  openStateDir(stateDir)
  mkdirSync(folderIn(stateDir), { recursive: true, mode: 0o700 })
  const text = `${JSON.stringify({ issuer, key }, undefined, 2)}\n`
  writeFileSync(fileIn(stateDir), text, { flag: 'wx', mode: 0o600 })
  return localIssuer(issuer, key)
}

/** The local issuer of this state directory, if it has one. */
export function readLocalIssuer(stateDir: string): LocalIssuer | undefined {
  let text: string
  try {
    text = readOwnFile(fileIn(stateDir))
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
  const { issuer, key } = JSON.parse(text) as { issuer: string; key: JWK }
  return localIssuer(issuer, key)
}

/** @throws ERR_AUTH_LOCAL_ISSUER when there is none */
export function requireLocalIssuer(stateDir: string): LocalIssuer {
  const local = readLocalIssuer(stateDir)
  if (local !== undefined) return local
  throw new GatewayError('ERR_AUTH_LOCAL_ISSUER', { params: { folder: folderIn(stateDir) } })
}

/** @returns whether there was one */
export function removeLocalIssuer(stateDir: string): boolean {
  const wasThere = readLocalIssuer(stateDir) !== undefined
  mustRemove(folderIn(stateDir))
  return wasThere
}

/** A bearer token of the local issuer. */
export async function signLocalToken(
  { issuer, key }: LocalIssuer,
  claims: JWTPayload,
  expiresInSeconds: number,
): Promise<string> {
  const { importJWK, SignJWT } = await import('jose')
  const nowSeconds = Math.floor(Date.now() / 1000)
  return new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, kid: key.kid ?? '', typ: 'JWT' })
    .setIssuer(issuer)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + expiresInSeconds)
    .setJti(randomUUID())
    .sign(await importJWK(key, algorithm))
}

/** Its discovery document: what a verifier reads, since nobody can log in there. */
export function localDiscovery({ issuer }: LocalIssuer): Record<string, unknown> {
  return {
    issuer,
    jwks_uri: `${issuer}${keysPath}`,
    response_types_supported: ['token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm],
  }
}

function localIssuer(issuer: string, key: JWK): LocalIssuer {
  const { d: _secret, ...shown } = key
  return {
    issuer,
    discoveryUrl: `${issuer}${discoveryPath}`,
    published: { issuer, keys: { keys: [shown] } },
    key,
  }
}
