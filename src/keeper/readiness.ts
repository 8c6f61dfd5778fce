import { spoken } from '../ground/spoken.ts'
import type { ElsewhereWatch } from './elsewhere.ts'
import { nextLookMs } from './elsewhere.ts'
import { findListening, isListenedOn } from './listening.ts'
import type { KeeperFailure, KeeperStarted, ListensElsewhere } from './protocol.ts'

/** What came of the wait for a server's listening socket. */
export type Listened =
  | Pick<KeeperStarted, 'address' | 'warning'>
  | Pick<KeeperFailure, 'code' | 'params' | 'listens'>
  /** It has ended meanwhile. */
  | undefined

export interface ListeningOptions {
  port: number
  startTimeoutMs: number
  /** Processes that a listening socket may belong to. */
  pids(): number[]
  hasExited(): boolean
  elsewhere: ElsewhereWatch
}

const shortestPauseMs = 3
const longestPauseMs = 100

/** When a server that answers no knock is looked for, which costs milliseconds. */
const firstLookMs = 500

/** Looks again and again, until the server listens, may not go on, or has ended. */
export async function waitUntilListening(options: ListeningOptions): Promise<Listened> {
  const { port, startTimeoutMs, pids, hasExited, elsewhere } = options
  const startedAtMs = Date.now()
  let isForeign = false
  let lookElsewhereAtMs = nextLookMs(firstLookMs)
  let listens: ListensElsewhere | undefined
  for (let lookAtMs = firstLookMs; !hasExited();) {
    const waitedMs = Date.now() - startedAtMs
    // A stranger answers every knock, and who listens elsewhere answers none.
    const isHeard = !isForeign && (await isListenedOn(port))
    if (isHeard || waitedMs >= lookAtMs) {
      const found = await findListening(port, pids)
      if (found.state === 'elsewhere') {
        return { code: 'ERR_WORKERS_NOT_LOOPBACK', params: { address: found.address } }
      }
      if (found.state === 'ready') {
        const warning = found.exposed
          ? `It listens on all addresses, so that others can reach port ${port} of this worker past the gateway; let it bind 127.0.0.1.`
          : null
        return { address: found.address, warning }
      }
      isForeign = found.state === 'foreign'
      lookAtMs = waitedMs * 1.2 + firstLookMs
    }
    if (listens !== undefined) {
      return { code: 'ERR_WORKERS_LISTENS_ELSEWHERE', params: { port }, listens }
    }
    if (waitedMs >= lookElsewhereAtMs) {
      // Whoever keeps us waiting there must not keep the server from being found ready.
      lookElsewhereAtMs = Infinity
      void elsewhere.look().then((found) => {
        listens = found
        lookElsewhereAtMs = nextLookMs(Date.now() - startedAtMs)
      })
    }
    if (waitedMs > startTimeoutMs) {
      const who = isForeign ? ' (another process does)' : ''
      const what = `listen on port ${port}${who}`
      return {
        code: 'ERR_WORKERS_START_TIMEOUT',
        params: { what, time: spoken(startTimeoutMs) },
      }
    }
    // So that no more than a thirtieth of what it took is lost by finding out late.
    const pauseMs = Math.min(Math.max(waitedMs / 30, shortestPauseMs), longestPauseMs)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return undefined
}

/** Most servers are ready soon, and the others are not waited for with all our might. */
export const longer = (pauseMs: number): number => Math.min(pauseMs * 1.3, longestPauseMs)
