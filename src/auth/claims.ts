import { invalidToken } from './bearer.ts'

export type Claims = Readonly<Record<string, unknown>>

/**
 * What a claim names: a text with something in it, or, where it is left out, nobody.
 *
 * Whatever else stands there (an empty text, null, 0, a list) names nobody either, and is refused:
 * it would be the same for everybody whose token has it.
 *
 * @throws ERR_AUTH_TOKEN_INVALID
 */
export function nameIn(claims: Claims, claim: 'iss' | 'sub' | 'client_id'): string | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  if (value === undefined) return undefined
  if (typeof value === 'string' && value.trim() !== '') return value
  throw invalidToken(`its ${claim} is no text that could name anybody`)
}

/**
 * A claim by its name, or by a path of names with dots between them; names may have dots, too.
 *
 * @returns undefined for what is no text, number or boolean
 */
export function textAt(claims: unknown, name: string): string | undefined {
  const value = valueAt(claims, name)
  const isPlain = ['string', 'number', 'boolean'].includes(typeof value)
  return isPlain && value !== '' ? String(value) : undefined
}

/** The same for a claim that tells users apart: true and false, or a blank, are those of many. */
export function keyAt(claims: unknown, name: string): string | undefined {
  const value = valueAt(claims, name)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

/** Whatever stands there; undefined for nothing. */
export function valueAt(claims: unknown, name: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined
  if (Object.hasOwn(claims, name)) return (claims as Claims)[name]
  const dot = name.indexOf('.')
  const first = name.slice(0, dot)
  if (dot < 0 || !Object.hasOwn(claims, first)) return undefined
  return valueAt((claims as Claims)[first], name.slice(dot + 1))
}
