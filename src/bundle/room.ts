import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import type { InnerDoor } from '../proxy/inner.ts'
import type { ListKind } from '../protocols/lists.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { Catalogue, Known } from './catalogue.ts'
import type { LeftOut } from './learning.ts'
import type { Bundle } from './options.ts'
import type { Scouting } from './scouting.ts'
import type { View } from './view.ts'
import { createView } from './view.ts'

/** What the sessions of one bundle share. */
export interface BundleRoom {
  readonly bundle: Bundle
  readonly catalogue: Catalogue
  readonly scouting: Scouting
  /** The servers of its members, in their order. */
  readonly servers: ReadonlyMap<string, Server>
  /** What all its sessions see; undefined where each caller may be told something else. */
  readonly usual: KeptView | undefined
  /** Tells the operator, once in a while. */
  warn(server: string, message: string): void
  readonly ownLists: OwnLists
  /** The sessions that want to know of lists that change. */
  readonly listeners: Set<ListListener>
}

/** Lists that servers have for single sessions: all of them together are bounded. */
export interface OwnLists {
  /** @returns false, and keeps nothing, where there is no room left */
  keep(session: Session, bytes: number): boolean
  /** Gives back all that was kept for it. */
  letGo(session: Session): void
}

export interface ListListener {
  readonly principal: string
  changed(server: string, kinds: readonly ListKind[]): void
}

/** What one of its sessions is made of. */
export interface BundleSessionOptions {
  clock: Clock
  events: Events
  sessions: Sessions
  room: BundleRoom
  session: Session
  door: InnerDoor
}

/** Told of what a server lists and is not taken over. */
export const leftOutOf =
  (server: string, warn: BundleRoom['warn']): LeftOut =>
  (kind, why) =>
    warn(server, `${server} lists ${kind} of which some are left out: ${why}.`)

/** What is seen of a bundle, made anew only when another thing is known of its servers. */
export interface KeptView {
  get(): View
  /** What was known has changed, and the catalogue does not tell of it. */
  forget(): void
}

export function keepView(
  { bundle, catalogue, warn }: Pick<BundleRoom, 'bundle' | 'catalogue' | 'warn'>,
  knownOf: (server: string) => Known | undefined,
): KeptView {
  let view: View | undefined
  let revision = -1
  return {
    get() {
      if (view === undefined || revision !== catalogue.revision) {
        revision = catalogue.revision
        view = createView(bundle, knownOf)
        tellClashes(view, warn)
      }
      return view
    },
    forget() {
      view = undefined
    },
  }
}

function tellClashes({ tools, prompts }: View, warn: BundleRoom['warn']): void {
  for (const { wanted, servers, became } of [...tools.clashes, ...prompts.clashes]) {
    const [first, second] = servers
    if (first === second) warn(second, `${second} lists ${JSON.stringify(wanted)} twice.`)
    else {
      const instead = became === undefined ? 'left out' : `called ${became}`
      warn(
        second,
        `${first} and ${second} both have ${JSON.stringify(wanted)}; that of ${second} is ${instead}. Give it another name with rename.`,
      )
    }
  }
}

/** A server may have other lists for each of its sessions, and long ones. */
const ownListBytes = 64 * 1024 * 1024

export function createOwnLists(mostBytes = ownListBytes): OwnLists {
  const kept = new Map<Session, number>()
  let all = 0
  return {
    keep(session, bytes) {
      if (all + bytes > mostBytes) return false
      all += bytes
      kept.set(session, (kept.get(session) ?? 0) + bytes)
      return true
    },
    letGo(session) {
      all -= kept.get(session) ?? 0
      kept.delete(session)
    },
  }
}
