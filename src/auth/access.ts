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
    const all = [...said, ...normal.flatMap((one) => [one, decode(one), ...loose(one)])]
    const fit = (pattern: string): boolean =>
      all.some((one) => fits(pattern, one) || fits(normalPattern(pattern), one))
    if (isIn(deny, fit)) return false
  }
  if (allow === undefined) return true
  return (
    said.every((one) => isIn(allow, (pattern) => fits(pattern, one))) &&
    normal.every((one) =>
      isIn(
        allow,
        (pattern) =>
          fits(pattern, one) || fits(pattern, decode(one)) || fits(normalPattern(pattern), one),
      ),
    )
  )
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

interface Spellings {
  /** As it was written, and as often decoded as somebody may do that. */
  said: string[]
  /** What a parser of URLs makes of each of them. */
  normal: string[]
}

/** `FILE:///a/../b` and `file:///%62` are one file. */
function spellings(name: string): Spellings {
  const said = [name]
  const normal = new Set<string>()
  let plain = name
  // Who reads it may decode it twice; what changes for longer is no honest URI.
  for (let round = 0; ; round += 1) {
    if (URL.canParse(plain)) normal.add(new URL(plain).href)
    const decoded = decode(plain)
    if (decoded === plain || round === 3) return { said, normal: [...normal] }
    plain = decoded
    said.push(plain)
  }
}

/** What a server may look for that takes no notice of the rest: the file `/a` of `//a/?b#c`. */
function loose(href: string): string[] {
  const url = new URL(href)
  if (url.protocol === 'file:') url.hostname = ''
  url.hash = ''
  const found = [url.href]
  url.search = ''
  found.push(url.href)
  return found.flatMap((one) => {
    const [, scheme = '', rest = ''] = /^([^:]*:(?:\/\/)?)(.*)$/.exec(one) ?? []
    const plain = scheme + rest.replaceAll(/\/{2,}/g, '/')
    return [plain, decode(plain)].flatMap((each) => [each, each.replace(/\/$/, '')])
  })
}

/** Of patterns of the configuration, which are few. */
const normalPatterns = new Map<string, string>()

function normalPattern(pattern: string): string {
  let normal = normalPatterns.get(pattern)
  if (normal === undefined) {
    normal = URL.canParse(pattern) ? new URL(pattern).href : pattern
    normalPatterns.set(pattern, normal)
  }
  return normal
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
