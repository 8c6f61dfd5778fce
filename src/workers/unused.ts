import type { Events } from '../ground/events.ts'

/** What is to be told of the end of a worker that never had a session. */
export interface UnusedNews {
  warm?: true
  how?: string
}

/** Workers that were started ahead, as long as they have no session. */
export interface Unused {
  add(workerId: string): void
  /** It has ended. */
  take(workerId: string): UnusedNews
}

/** That one is ended which nobody needed is no accident, and is not to read like one. */
export function createUnused(events: Events): Unused {
  const unused = new Map<string, UnusedNews>()
  events.on('warm.claimed', ({ workerId }) => unused.delete(workerId))
  events.on('warm.retired', ({ workerId, reason }) => {
    if (reason === 'exited' || !unused.has(workerId)) return
    unused.set(workerId, { warm: true, how: `nobody needed it (${reason})` })
  })
  return {
    add: (workerId) => void unused.set(workerId, { warm: true }),
    take(workerId) {
      const news = unused.get(workerId) ?? {}
      unused.delete(workerId)
      return news
    },
  }
}
