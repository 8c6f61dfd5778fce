import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

import { GatewayError } from '../ground/errors.ts'
import { parseJson } from '../ground/json.ts'
import { readOwnFile } from '../ground/own-files.ts'
import { removeFile } from '../ground/removal.ts'
import { openToOthers } from '../ground/secrets-file.ts'
import { quoted } from '../ground/shell.ts'

/** One API key, as it stands in the file: enough to know it again, and not to make it. */
export interface StoredKey {
  /** Part of the key itself, and of who its bearer is. */
  readonly id: string
  /** Whose it is: `sub` among its claims. */
  readonly name: string
  /** SHA-256 of the whole key, in hex. */
  readonly hash: string
  readonly claims: Readonly<Record<string, unknown>>
  readonly createdAt: string
  readonly expiresAt?: string
}

/** `berth_`, the id, and the secret: scanners of secrets know it by its beginning. */
const form = /^berth_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/

/** Whether it means to be a key of Berth's. */
export const looksLikeKey = (text: string): boolean => text.startsWith('berth_')

/** The id in a key; undefined for what has not the form of one. */
export const idOfKey = (key: string): string | undefined => form.exec(key)?.[1]

/**
 * A key has 256 random bits, so that a plain hash keeps it as well as a slow one would: nobody can
 * try them all. And the hash is asked for with every request.
 */
export const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex')

/** Why the file cannot be used, and what to do; nothing of what stands in it. */
export interface BadKeys {
  readonly problem: string
}

/** @returns no keys for a file that is not there */
export function readKeys(file: string): StoredKey[] | BadKeys {
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return []
    const open = openToOthers(file, statSync(file).mode)
    if (open !== undefined) return open
    const read = parseJson(readOwnFile(file), mostLetters)
    const keys = read.ok ? (Object(read.value) as { keys?: unknown }).keys : undefined
    if (!Array.isArray(keys) || !keys.every(isKey)) {
      return {
        problem: 'is no file of mcp-berth keys. Restore it, or remove it and add keys anew.',
      }
    }
    return keys
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no plain file'
    return { problem: `cannot be read (${code}).` }
  }
}

const mostLetters = 4 * 1024 * 1024

function isKey(value: unknown): value is StoredKey {
  const { id, name, hash, claims, expiresAt } = Object(value) as Record<string, unknown>
  const isTime =
    expiresAt === undefined ||
    (typeof expiresAt === 'string' && !Number.isNaN(Date.parse(expiresAt)))
  const isOf = typeof id === 'string' && typeof name === 'string' && typeof hash === 'string'
  return isOf && isTime && typeof claims === 'object' && claims !== null
}

export interface NewKey {
  name: string
  claims: Readonly<Record<string, unknown>>
  expiresAt: Date | undefined
}

/** Makes a key. @returns it, which nobody can find out afterwards @throws ERR_AUTH_KEYS */
export function addKey(file: string, { name, claims, expiresAt }: NewKey): string {
  const id = randomBytes(6).toString('hex')
  const key = `berth_${id}_${randomBytes(32).toString('base64url')}`
  change(file, (keys) => [
    ...keys,
    {
      id,
      name,
      hash: hashOf(key),
      claims,
      createdAt: new Date().toISOString(),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }),
    },
  ])
  return key
}

/**
 * Takes a key away, by its id, or all of a name. A gateway that runs refuses it from now on.
 *
 * @returns those that are gone @throws ERR_AUTH_KEYS
 */
export function revokeKeys(file: string, idOrName: string): StoredKey[] {
  let gone: StoredKey[] = []
  change(file, (keys) => {
    const isMeant = ({ id, name }: StoredKey): boolean => id === idOrName || name === idOrName
    gone = keys.filter(isMeant)
    return gone.length === 0 ? undefined : keys.filter((key) => !isMeant(key))
  })
  return gone
}

/** Replaced at once, so that no gateway ever reads half of it; one at a time, so that nothing is lost. */
function change(
  file: string,
  changed: (keys: readonly StoredKey[]) => readonly StoredKey[] | undefined,
): void {
  const next = `${file}.new`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(next, '', { flag: 'wx', mode: 0o600 })
  } catch (thrown) {
    throw keysError(
      thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST'
        ? `${next} is there: another mcp-berth keys is at work. If none is, run: rm ${quoted(next)}`
        : `${file} cannot be written (${String((thrown as { code?: unknown }).code)}).`,
    )
  }
  try {
    const keys = readKeys(file)
    if ('problem' in keys) throw keysError(`${file} ${keys.problem}`)
    const now = changed(keys)
    if (now === undefined) {
      removeFile(next)
      return
    }
    writeFileSync(next, `${JSON.stringify({ v: 1, keys: now }, undefined, 2)}\n`, { mode: 0o600 })
    renameSync(next, file)
  } catch (thrown) {
    removeFile(next)
    throw thrown
  }
}

export const keysError = (why: string): GatewayError =>
  new GatewayError('ERR_AUTH_KEYS', { params: { why } })
