/** Who wants to start something. */
export interface Wanted {
  principal: string
  server: string
}

/** A place to start in; to be given back once. Idempotent. */
export interface Place {
  release(): void
}

/**
 * Deals places out fairly. There are `most` of them for everybody, and two besides, so that nobody
 * can hold all: one for a principal and one for a server of which nothing starts now.
 */
export interface Places {
  /** Which of those who wait comes next; undefined when none of them may have a place now. */
  next<W extends Wanted>(waiting: readonly W[], isReady: (wanted: W) => boolean): W | undefined
  /** Of somebody whom `next` named. */
  take(wanted: Wanted): Place
}

type Kind = 'common' | 'of-principal' | 'of-server'

interface Held extends Wanted {
  kind: Kind
}

/** So many names are remembered for their turn; only among those who wait now does it matter. */
const rememberedNames = 1000

export function createPlaces(most: number): Places {
  const held = new Set<Held>()
  const principals = createShare()
  const servers = createShare()
  const taken: Record<Kind, number> = { common: 0, 'of-principal': 0, 'of-server': 0 }
  let turns = 0

  function kindFor({ principal, server }: Wanted): Kind | undefined {
    if (taken.common < most) return 'common'
    if (taken['of-server'] === 0 && servers.heldBy(server) === 0) return 'of-server'
    if (taken['of-principal'] === 0 && principals.heldBy(principal) === 0) return 'of-principal'
    return undefined
  }

  /** Who holds least, and among equals whose turn is longest ago; negative when it is `one`. */
  function compare(one: Wanted, other: Wanted): number {
    return (
      principals.heldBy(one.principal) - principals.heldBy(other.principal) ||
      servers.heldBy(one.server) - servers.heldBy(other.server) ||
      principals.turnOf(one.principal) - principals.turnOf(other.principal) ||
      servers.turnOf(one.server) - servers.turnOf(other.server)
    )
  }

  return {
    next(waiting, isReady) {
      let first: (typeof waiting)[number] | undefined
      for (const wanted of waiting) {
        if (!isReady(wanted) || kindFor(wanted) === undefined) continue
        if (first === undefined || compare(wanted, first) < 0) first = wanted
      }
      return first
    },

    take({ principal, server }) {
      const kind = kindFor({ principal, server })
      if (kind === undefined) throw new Error('there is no place to start in')
      const own: Held = { principal, server, kind }
      held.add(own)
      taken[kind] += 1
      turns += 1
      principals.take(principal, turns)
      servers.take(server, turns)
      return {
        release() {
          if (!held.delete(own)) return
          principals.release(principal)
          servers.release(server)
          // What is everybody's goes to who stands beside: his place is for the next who has none.
          const beside = [...held].find(({ kind: its }) => its !== 'common')
          const freed = own.kind === 'common' ? (beside ?? own) : own
          taken[freed.kind] -= 1
          freed.kind = 'common'
        },
      }
    },
  }
}

/** How many places each name holds, and when it was given one last. */
function createShare() {
  const counts = new Map<string, number>()
  const turns = new Map<string, number>()
  const heldBy = (name: string): number => counts.get(name) ?? 0
  return {
    heldBy,
    turnOf: (name: string): number => turns.get(name) ?? 0,
    take(name: string, turn: number): void {
      counts.set(name, heldBy(name) + 1)
      turns.delete(name)
      turns.set(name, turn)
      const [oldest] = turns.keys()
      if (turns.size > rememberedNames && oldest !== undefined) turns.delete(oldest)
    },
    release(name: string): void {
      const left = heldBy(name) - 1
      if (left > 0) counts.set(name, left)
      else counts.delete(name)
    },
  }
}

/**
 * Of too many who wait, the one to send away: of the principal of whom most wait, of the server for
 * which most of them do, who came last.
 */
export function oneTooMany<W extends Wanted>(waiting: readonly W[]): W | undefined {
  const ofPrincipal = countBy(waiting, ({ principal }) => principal)
  const ofServer = countBy(waiting, ({ server }) => server)
  const weight = ({ principal, server }: Wanted): [number, number] => [
    ofPrincipal.get(principal) ?? 0,
    ofServer.get(server) ?? 0,
  ]
  let heaviest: W | undefined
  let most = [0, 0]
  for (const wanted of waiting) {
    const [byPrincipal, byServer] = weight(wanted)
    const [principal = 0, server = 0] = most
    if (byPrincipal < principal || (byPrincipal === principal && byServer < server)) continue
    heaviest = wanted
    most = [byPrincipal, byServer]
  }
  return heaviest
}

function countBy<T>(all: readonly T[], nameOf: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const one of all) counts.set(nameOf(one), (counts.get(nameOf(one)) ?? 0) + 1)
  return counts
}
