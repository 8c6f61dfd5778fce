import { createHash } from 'node:crypto'

import type { Canaries } from '../search/canaries.ts'
import type { FormName } from '../search/forms.ts'
import type { Scan, Search } from '../search/search.ts'
import type { Channel } from './channels.ts'
import { channels } from './channels.ts'

/** One session has got what is another's. */
export interface Leak {
  atMs: number
  /** The session that got it, by its number in the run. */
  session: number
  /** Whose it was; null where that cannot be told any more. */
  owner: number | null
  what: 'canary' | 'answer' | 'session id' | 'ownership'
  /** In which message. */
  where: string
  form: FormName | null
  around: string
}

export interface EvidenceReport {
  sessions: number
  bytesSearched: number
  /** Answers that had the canary and the number that they had to have. */
  answersMatched: number
  matched: Record<Channel, number>
  /** Sessions, by what they have not got back yet of what their profile takes them through. */
  incomplete: Partial<Record<Channel, number>>
  leaks: Leak[]
  leakCount: number
  /** Digests of public ids, so that it shows if two processes were given the same one. */
  ids: { id: string; session: number }[]
}

/** What is known of one session. */
export interface Watch {
  readonly number: number
  readonly canary: string
  /** Looks through one more stream of bytes that the session receives. */
  scan(where: string): Scan
  /** It got its own back. */
  matched(channel: Channel): void
  hasMatched(channel: Channel): boolean
  /** The session was given this public id. */
  named(id: string): void
  leaked(leak: Pick<Leak, 'what' | 'where'> & Partial<Leak>): void
  /** It is over; only what was `required` and did not come is remembered of it. */
  close(required: readonly Channel[]): void
}

export interface Evidence {
  watch(number: number): Watch
  leakCount(): number
  report(): EvidenceReport
}

const leaksKept = 1000
const idsKept = 200_000

export function createEvidence(options: {
  canaries: Canaries
  search: Search
  sinceStartMs(): number
}): Evidence {
  const { canaries, search, sinceStartMs } = options
  const matched = Object.fromEntries(channels.map((name) => [name, 0])) as Record<Channel, number>
  const incomplete: Partial<Record<Channel, number>> = {}
  const leaks: Leak[] = []
  const ids = new Map<string, number>()
  let leakCount = 0
  let sessions = 0
  let answersMatched = 0

  const keep = (leak: Leak): void => {
    leakCount += 1
    if (leaks.length < leaksKept) leaks.push(leak)
  }

  return {
    leakCount: () => leakCount,
    watch(number) {
      const canary = canaries.of(number)
      const seen = new Set<Channel>()
      sessions += 1
      const leaked: Watch['leaked'] = (leak) =>
        keep({
          atMs: sinceStartMs(),
          session: number,
          owner: null,
          form: null,
          around: '',
          ...leak,
        })
      return {
        number,
        canary,
        scan: (where) =>
          search.scan(({ canary: found, form, around }) => {
            // A stream may end in the middle of its own canary, but not in that of another.
            if (canary.startsWith(found)) return
            const owner = canaries.ownerOf(found) ?? null
            leaked({ what: 'canary', where, owner, form, around })
          }),
        matched(channel) {
          seen.add(channel)
          matched[channel] += 1
          // A refusal has no canary in it.
          if (channel !== 'ownership') answersMatched += 1
        },
        hasMatched: (channel) => seen.has(channel),
        named(id) {
          const owner = ids.get(id)
          if (owner !== undefined) leaked({ what: 'session id', where: 'initialize', owner })
          if (ids.size < idsKept) ids.set(id, number)
        },
        leaked,
        close(required) {
          for (const channel of required) {
            if (!seen.has(channel)) incomplete[channel] = (incomplete[channel] ?? 0) + 1
          }
        },
      }
    },
    report: () => ({
      sessions,
      bytesSearched: search.bytes(),
      answersMatched,
      matched,
      incomplete,
      leaks,
      leakCount,
      ids: Array.from(ids, ([id, session]) => ({ id: digestOf(id), session })),
    }),
  }
}

const digestOf = (id: string): string =>
  createHash('sha256').update(id).digest('base64').slice(0, 16)
