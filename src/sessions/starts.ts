import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { guarded } from '../ground/guarded.ts'
import type { Place, Wanted } from './places.ts'
import { createPlaces, oneTooMany } from './places.ts'

/**
 * Who may start a worker now. About `maxStarting` start at once (`places.ts`), dealt out fairly by
 * principal and by server; and a server's very first start runs alone, because concurrent cold runs
 * of npx or uvx spoil one cache.
 */
export interface Starts {
  /**
   * Waits for a turn. It is over when the caller says so, and it holds nobody up for long: what
   * takes its time waits more than it works.
   *
   * @throws ERR_SESSIONS_QUEUE_FULL
   * @throws the reason of `signal`
   */
  turn(wanted: Wanted, signal: AbortSignal): Promise<EndTurn>
  /**
   * The same for a start that no client waits for. It comes when none of them does, a few at a time and
   * only while much is free, and takes no place of theirs.
   */
  leisure(server: string, signal: AbortSignal): Promise<EndTurn>
}

/** @param served whether the server can be reached: then its later starts need not wait for each other. */
export type EndTurn = (served: boolean) => void

interface Waiting extends Wanted {
  go(endTurn: EndTurn): void
  refuse(reason: Error): void
}

/** A start that no client waits for. */
interface Idler {
  server: string
  go(endTurn: EndTurn): void
}

/** A start that works is done by then; what takes longer waits for something, or never ends. */
const placeMs = 5_000
/** A cold npx or uvx has filled its cache by then, or never will. */
const aloneMs = 15_000

export function createStarts(options: {
  maxStarting: number
  maxQueued: number
  clock: Clock
}): Starts {
  const { clock, maxQueued } = options
  const waiting: Waiting[] = []
  const served = new Set<string>()
  const firstStarts = new Set<string>()
  const places = createPlaces(options.maxStarting)
  const atLeisure: Idler[] = []
  /** Places of clients, and those of starts that nobody waits for. */
  const taken = { byClients: 0, atLeisure: 0 }
  const mostAtLeisure = Math.max(1, Math.floor(options.maxStarting / 4))
  const mostBusy = Math.max(1, Math.floor(options.maxStarting / 2))

  const isReady = ({ server }: Wanted): boolean => !firstStarts.has(server)
  const next = (): void => {
    for (;;) {
      const entry = places.next(waiting, isReady)
      if (entry === undefined) break
      remove(waiting, entry)
      entry.go(begin(entry.server, placeOfClient(entry)))
    }
    nextAtLeisure()
  }
  const nextAtLeisure = (): void => {
    while (
      waiting.length === 0 &&
      taken.atLeisure < mostAtLeisure &&
      taken.byClients + taken.atLeisure < mostBusy
    ) {
      const entry = atLeisure.find(({ server }) => !firstStarts.has(server))
      if (entry === undefined) return
      remove(atLeisure, entry)
      entry.go(begin(entry.server, counted('atLeisure')))
    }
  }
  const counted = (kind: keyof typeof taken): Place => {
    let isHeld = true
    taken[kind] += 1
    return {
      release() {
        if (isHeld) taken[kind] -= 1
        isHeld = false
      },
    }
  }
  const placeOfClient = (wanted: Wanted): Place => {
    const place = places.take(wanted)
    const count = counted('byClients')
    return {
      release() {
        place.release()
        count.release()
      },
    }
  }
  const begin = (server: string, place: Place): EndTurn => {
    const isFirst = !served.has(server)
    if (isFirst) firstStarts.add(server)
    const endAlone = (didServe: boolean): void => {
      if (isFirst) firstStarts.delete(server)
      if (didServe) served.add(server)
    }
    const timers = [
      clock.after(placeMs, () => {
        place.release()
        next()
      }),
      clock.after(aloneMs, () => {
        endAlone(true)
        next()
      }),
    ]
    let isOver = false
    return (didServe) => {
      if (isOver) return
      isOver = true
      for (const timer of timers) timer.cancel()
      place.release()
      endAlone(didServe)
      next()
    }
  }

  return {
    turn(wanted, signal) {
      signal.throwIfAborted()
      return new Promise((resolve, reject) => {
        const settled = (): void => signal.removeEventListener('abort', abort)
        const entry: Waiting = {
          principal: wanted.principal,
          server: wanted.server,
          go(endTurn) {
            settled()
            resolve(endTurn)
          },
          refuse(reason) {
            settled()
            remove(waiting, entry)
            reject(reason)
          },
        }
        const abort = guarded(() => entry.refuse(signal.reason as Error), reject)
        signal.addEventListener('abort', abort, { once: true })
        waiting.push(entry)
        next()
        if (waiting.length <= maxQueued) return
        const error = new GatewayError('ERR_SESSIONS_QUEUE_FULL', { retryAfterSeconds: 5 })
        oneTooMany(waiting)?.refuse(error)
      })
    },

    leisure(server, signal) {
      signal.throwIfAborted()
      return new Promise((resolve, reject) => {
        const abort = guarded(() => {
          remove(atLeisure, entry)
          reject(signal.reason as Error)
        }, reject)
        const entry: Idler = {
          server,
          go(endTurn) {
            signal.removeEventListener('abort', abort)
            resolve(endTurn)
          },
        }
        signal.addEventListener('abort', abort, { once: true })
        atLeisure.push(entry)
        next()
      })
    },
  }
}

function remove<T>(list: T[], one: T): void {
  const at = list.indexOf(one)
  if (at !== -1) list.splice(at, 1)
}
