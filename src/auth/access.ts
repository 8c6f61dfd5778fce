import type { Caller } from './check.ts'
import { valueAt } from './claims.ts'
import { fits, fitsUri } from './patterns.ts'
import { decoded, loose, spellings } from './spellings.ts'

/** What a server names that a principal may or may not use. */
export type NameKind = 'tools' | 'prompts' | 'resources'

/** One line of `allow` or `deny`. */
export interface AccessRule {
  /** Whom it is about, by what their token says; undefined for everybody. */
  readonly who: { readonly claim: string; readonly any: readonly string[] } | undefined
  /** Patterns, in which `*` stands for any letters, also none; undefined where it names none. */
  readonly tools: readonly string[] | undefined
  readonly prompts: readonly string[] | undefined
  /** Of resources the URI counts, because it is all that a client asks with. */
  readonly resources: readonly string[] | undefined
}

export interface Access {
  /** With any rule in it nothing is there but what a rule names; undefined where all is. */
  readonly allow: readonly AccessRule[] | undefined
  /** Wins over `allow`. */
  readonly deny: readonly AccessRule[]
}

/**
 * May this principal use this name of this server? The one place that tells, for lists and for calls.
 * A URI is looked at in each way in which a server may read it: one that is denied is enough, and all
 * have to be allowed.
 */
export function mayUse(access: Access, caller: Caller, kind: NameKind, name: string): boolean {
  // No server has such a name, and what was cut to this length is not known to its end.
  if (name.length >= longestName || control.test(name)) return false
  const { allow, deny } = access
  const isIn = (rules: readonly AccessRule[], fit: (pattern: string) => boolean): boolean =>
    rules.some((rule) => isAbout(rule, caller) && rule[kind]?.some(fit) === true)
  if (kind !== 'resources') {
    const fit = (pattern: string): boolean => fits(pattern, name)
    return !isIn(deny, fit) && (allow === undefined || isIn(allow, fit))
  }
  const { said, normal } = spellings(name)
  // A text with an end in it, for a server that is written in C.
  if (said.some((one) => one.includes('\0'))) return false
  if (deny.length > 0) {
    const all = loose(said, normal)
    if (isIn(deny, (pattern) => all.some((one) => fitsUri(pattern, one)))) return false
  }
  if (allow === undefined) return true
  const isWritten = (one: string): boolean => isIn(allow, (pattern) => fits(pattern, one))
  const isMeant = (one: string): boolean =>
    isIn(allow, (pattern) => fitsUri(pattern, one) || fits(pattern, decoded(one)))
  return said.every(isWritten) && normal.every(isMeant)
}

const longestName = 1024

/** Some parsers of URIs leave them out, wherever they stand. */
const control = /[\u0000-\u001f\u007f]/

function isAbout({ who }: AccessRule, { identity }: Caller): boolean {
  if (who === undefined) return true
  const value = valueAt(identity?.claims, who.claim)
  const said: unknown[] = Array.isArray(value) ? value : [value]
  return said.some((one) => isPlain(one) && who.any.includes(String(one)))
}

/** `any` is a list of texts, and a provider may write a level as a number. */
const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)
