import { timingSafeEqual } from 'node:crypto'
import { lstatSync, statSync } from 'node:fs'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { bearerToken, hasTwo, invalidToken } from './bearer.ts'
import type { Asking, Authorizer, Caller } from './check.ts'
import type { BadKeys, StoredKey } from './key-file.ts'
import { hashOf, idOfKey, keysError, looksLikeKey, readKeys } from './key-file.ts'

export const keyHeader = 'x-api-key'

export interface ApiKeyOptions {
  clock: Clock
  /** Absolute path of the file of keys. */
  file: string
  /** Whoever brings no key is asked by this one. */
  besides: Authorizer | undefined
}

/**
 * Keys for teams without an identity provider, as Bearer or in X-API-Key. The file is looked at with
 * every request, so that a key that is revoked is refused at once: that takes two microseconds.
 */
export function createKeyAuthorizer({ clock, file, besides }: ApiKeyOptions): Authorizer {
  const table = createTable(file)

  function callerOf(key: string): Caller {
    const keys = table()
    if ('problem' in keys) throw keysError(`${file} ${keys.problem}`)
    const id = idOfKey(key)
    const known = id === undefined ? undefined : keys.get(id)
    if (known === undefined || !isSame(hashOf(key), known.stored.hash)) {
      throw invalidToken('there is no such API key, or it was revoked')
    }
    if (known.untilMs <= clock.now()) throw invalidToken('the API key has expired')
    return known.caller
  }

  return {
    name: 'api-keys',
    isOpen: false,
    login: besides?.login,
    authenticate(asking) {
      const key = keyIn(asking)
      if (key !== undefined) return callerOf(key)
      if (besides !== undefined) return besides.authenticate(asking)
      if (asking.headers.authorization === undefined) {
        throw new GatewayError('ERR_AUTH_NO_KEY', { challenge: {} })
      }
      bearerToken(asking)
      throw invalidToken('it is no API key (berth_…)')
    },
    recall(asking) {
      try {
        const key = keyIn(asking)
        return key === undefined ? besides?.recall(asking) : callerOf(key)
      } catch {
        return undefined
      }
    },
  }
}

/**
 * The key of a request. What else stands in X-API-Key is for the server.
 *
 * @throws ERR_AUTH_HEADER where there are two of a header, or two credentials
 */
function keyIn(asking: Asking): string | undefined {
  const { [keyHeader]: own, authorization } = asking.headers
  const isKey = typeof own === 'string' && looksLikeKey(own)
  if (own !== undefined && hasTwo(asking, keyHeader)) {
    throw badHeader('there are two X-API-Key headers')
  }
  if (!isKey) {
    if (authorization === undefined) return undefined
    const token = bearerToken(asking)
    return looksLikeKey(token) ? token : undefined
  }
  if (authorization !== undefined && bearerToken(asking) !== own) {
    throw badHeader('there is an X-API-Key beside another Authorization')
  }
  return own
}

const badHeader = (why: string): GatewayError =>
  new GatewayError('ERR_AUTH_HEADER', { params: { why }, challenge: {} })

const isSame = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

interface Known {
  stored: StoredKey
  untilMs: number
  caller: Caller
}

const missing: BadKeys = { problem: 'is not there: mcp-berth keys add NAME makes it.' }

/** The file as it is now; read again only when it has changed. */
function createTable(file: string): () => ReadonlyMap<string, Known> | BadKeys {
  let seen: string | undefined
  let known: ReadonlyMap<string, Known> | BadKeys = new Map()
  return () => {
    const stamp = stampOf(file)
    if (stamp !== undefined && stamp === seen) return known
    const keys = lstatSync(file, { throwIfNoEntry: false }) === undefined ? missing : readKeys(file)
    known =
      'problem' in keys
        ? keys
        : new Map(keys.map((stored) => [stored.id, knownOf(stored)] as const))
    seen = stamp
    return known
  }
}

/** What cannot be looked at is read each time, which says why. */
function stampOf(file: string): string | undefined {
  try {
    const stat = statSync(file)
    return [stat.mtimeMs, stat.ctimeMs, stat.size, stat.ino, stat.mode].join()
  } catch {
    return undefined
  }
}

const issuer = 'berth:keys'

/**
 * A session belongs to the key, and not to its name alone: who gets a key under a name that was
 * somebody else's does not get that one's sessions.
 */
function knownOf(stored: StoredKey): Known {
  const { id, name, expiresAt } = stored
  const claims = Object.freeze({ ...stored.claims, iss: issuer, sub: name, client_id: id })
  const identity = { iss: issuer, sub: name, clientId: id, claims }
  const caller = Object.freeze({ principal: JSON.stringify([issuer, `${name}/${id}`]), identity })
  const untilMs = expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt)
  return { stored, untilMs, caller }
}
