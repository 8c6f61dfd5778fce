import { createHash } from 'node:crypto'

import { parseJson } from '../ground/json.ts'
import type { BundleMember } from './options.ts'

/** A tool or a prompt as its server has it, and the name by which clients of the bundle see it. */
export interface Named {
  readonly server: string
  readonly name: string
  readonly shown: string
}

/** What clients take for a name: `^[A-Za-z0-9_-]{1,64}$` is what all of them do. */
const longest = 64

/** The letters and signs that every client takes, and no more of them than it takes. */
export function shownName(
  { server, prefix, rename }: BundleMember,
  separator: string,
  name: string,
): string {
  const own = Object.hasOwn(rename, name) ? rename[name] : undefined
  const wanted = own ?? (prefix === '' ? name : `${prefix}${separator}${name}`)
  const plain = wanted.replaceAll(/[^A-Za-z0-9_-]/g, '_')
  const isWhole = plain === wanted && plain.length <= longest && plain !== ''
  return isWhole ? plain : withMark(plain, server, name)
}

/** A name that stands for this one alone, and is the same after every start. */
function withMark(plain: string, server: string, name: string): string {
  const mark = createHash('sha256').update(`${server}\n${name}`).digest('hex').slice(0, 6)
  return `${plain.slice(0, longest - mark.length - 1)}_${mark}`
}

export interface NameTable {
  readonly all: readonly Named[]
  of(shown: string): Named | undefined
  /** Names that two servers would have had, or that a server has given twice. */
  readonly clashes: readonly Clash[]
}

export interface Clash {
  wanted: string
  servers: readonly [string, string]
  /** What the second of them is called; undefined for one that came twice from one server. */
  became: string | undefined
}

/**
 * The names of a bundle. Of two that would be the same the first has it, in the order of the servers
 * and of their lists, and the other one gets a mark: neither shadows the other.
 *
 * @param namesOf what each server has
 */
export function nameTable(
  members: readonly BundleMember[],
  separator: string,
  namesOf: (server: string) => readonly string[],
): NameTable {
  const byShown = new Map<string, Named>()
  const clashes: Clash[] = []
  for (const member of members) {
    const { server } = member
    const seen = new Set<string>()
    for (const name of namesOf(server)) {
      if (seen.has(name)) {
        clashes.push({ wanted: name, servers: [server, server], became: undefined })
        continue
      }
      seen.add(name)
      const wanted = shownName(member, separator, name)
      const first = byShown.get(wanted)
      let shown = wanted
      if (first !== undefined) {
        shown = withMark(wanted, server, name)
        // Whoever wants the name of a mark as well is left out, and told of.
        const isFree = !byShown.has(shown)
        clashes.push({
          wanted,
          servers: [first.server, server],
          became: isFree ? shown : undefined,
        })
        if (!isFree) continue
      }
      byShown.set(shown, { server, name, shown })
    }
  }
  return { all: [...byShown.values()], of: (shown) => byShown.get(shown), clashes }
}

/**
 * Ids, tokens and tasks of a server, as the client has them: the name of the server first, so that
 * every gateway can tell from the answer whose it is.
 */
export const tagged = (server: string, value: string | number): string =>
  `${server}:${JSON.stringify(value)}`

export function untagged(text: unknown): { server: string; value: string | number } | undefined {
  if (typeof text !== 'string') return undefined
  const at = text.indexOf(':')
  if (at === -1) return undefined
  const read = parseJson(text.slice(at + 1))
  const value = read.ok ? read.value : undefined
  const isId = typeof value === 'string' || typeof value === 'number'
  return isId ? { server: text.slice(0, at), value } : undefined
}
