import type { Session } from '../sessions/session.ts'

type Owner = Pick<Session, 'principal'> & { server: { name: string } }

/**
 * The ids that clients have chosen for their sessions, beside the public ones. Whoever chooses the
 * same for two sessions has both ended by it, and speaks to the newer one.
 */
export interface ChosenIds {
  add(chosen: string, session: Session): void
  /** The newest session of it that is open. */
  find(chosen: string, owner: Owner): Session | undefined
  /** Every session of it that is open. */
  all(chosen: string, owner: Owner): Session[]
}

export function createChosenIds(): ChosenIds {
  const open = new Map<string, Set<Session>>()
  /** Two clients, and two servers, may have chosen alike. */
  const key = (chosen: string, { server, principal }: Owner): string =>
    [server.name, principal, chosen].join('\n')

  const chosenIds: ChosenIds = {
    add(chosen, session) {
      const own = key(chosen, session)
      const sessions = open.get(own) ?? new Set()
      open.set(own, sessions.add(session))
      session.onEnding(() => {
        sessions.delete(session)
        if (sessions.size === 0 && open.get(own) === sessions) open.delete(own)
      })
    },
    find: (chosen, owner) => chosenIds.all(chosen, owner).at(-1),
    all: (chosen, owner) => [...(open.get(key(chosen, owner)) ?? [])],
  }
  return chosenIds
}
