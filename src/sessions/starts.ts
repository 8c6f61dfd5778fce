import { GatewayError } from '../ground/errors.ts'

/**
 * Who may start a worker now. At most `maxStarting` start at once, and a server's very first start
 * runs alone, because concurrent cold runs of npx or uvx spoil one cache.
 */
export interface Starts {
  /**
   * Waits for a turn. The turn is over when the session is live or has failed.
   *
   * @throws ERR_SESSIONS_QUEUE_FULL
   * @throws the reason of `signal`
   */
  turn(server: string, signal: AbortSignal): Promise<EndTurn>
}

/** @param served whether the server answered: then its later starts need not wait for each other. */
export type EndTurn = (served: boolean) => void

interface Waiting {
  server: string
  go(): void
}

export function createStarts(options: { maxStarting: number; maxQueued: number }): Starts {
  const waiting: Waiting[] = []
  const served = new Set<string>()
  const firstStarts = new Set<string>()
  let starting = 0

  const next = (): void => {
    for (let at = 0; at < waiting.length && starting < options.maxStarting;) {
      const candidate = waiting[at]
      if (candidate === undefined || firstStarts.has(candidate.server)) {
        at += 1
        continue
      }
      waiting.splice(at, 1)
      begin(candidate.server)
      candidate.go()
    }
  }
  const begin = (server: string): void => {
    starting += 1
    if (!served.has(server)) firstStarts.add(server)
  }
  const endOf = (server: string): EndTurn => {
    let over = false
    return (didServe) => {
      if (over) return
      over = true
      starting -= 1
      firstStarts.delete(server)
      if (didServe) served.add(server)
      next()
    }
  }

  return {
    turn(server, signal) {
      signal.throwIfAborted()
      if (starting < options.maxStarting && !firstStarts.has(server)) {
        begin(server)
        return Promise.resolve(endOf(server))
      }
      if (waiting.length >= options.maxQueued) {
        return Promise.reject(new GatewayError('ERR_SESSIONS_QUEUE_FULL', { retryAfterSeconds: 5 }))
      }
      return new Promise((resolve, reject) => {
        const abort = (): void => {
          waiting.splice(waiting.indexOf(entry), 1)
          reject(signal.reason as Error)
        }
        const entry: Waiting = {
          server,
          go() {
            signal.removeEventListener('abort', abort)
            resolve(endOf(server))
          },
        }
        signal.addEventListener('abort', abort, { once: true })
        waiting.push(entry)
      })
    },
  }
}
