import type { Caller } from './check.ts'
import { valueAt } from './claims.ts'

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
 * A URI is looked at in each way in which a server may read it, and each has to be allowed.
 */
export function mayUse(access: Access, caller: Caller, kind: NameKind, name: string): boolean {
  // No server has such a name, and what was cut to this length is not known to its end.
  if (name.length >= longestName) return false
  return spellings(kind, name).every((one) => {
    const names = (rule: AccessRule): boolean =>
      isAbout(rule, caller) && rule[kind]?.some((pattern) => fits(pattern, one)) === true
    return !access.deny.some(names) && (access.allow?.some(names) ?? true)
  })
}

const longestName = 1024

function isAbout({ who }: AccessRule, { identity }: Caller): boolean {
  if (who === undefined) return true
  const value = valueAt(identity?.claims, who.claim)
  const said: unknown[] = Array.isArray(value) ? value : [value]
  return said.some((one) => typeof one === 'string' && who.any.includes(one))
}

/** `FILE:///a/../b` and `file:///%62` are one file. */
function spellings(kind: NameKind, name: string): string[] {
  if (kind !== 'resources') return [name]
  const found = new Set([name])
  let plain = name
  // Who reads it may decode it twice; what changes for longer is no honest URI.
  for (let round = 0; ; round += 1) {
    found.add(plain)
    if (URL.canParse(plain)) found.add(new URL(plain).href)
    const decoded = decode(plain)
    if (decoded === plain || round === 3) return [...found]
    plain = decoded
  }
}

function decode(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}

/** Piece by piece, so that no pattern takes long, whatever it is asked about. */
function fits(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (name.length < first.length + last.length) return false
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  const end = name.length - last.length
  let at = first.length
  for (const piece of rest) {
    const found = name.indexOf(piece, at)
    if (found === -1 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}
