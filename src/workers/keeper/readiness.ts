import { findListening } from './listening.ts'
import type { KeeperFailure, KeeperStarted } from './protocol.ts'

/** What came of the wait for a server's listening socket. */
export type Listened =
  | Pick<KeeperStarted, 'address' | 'warning'>
  | Pick<KeeperFailure, 'code' | 'params'>
  /** It has ended meanwhile. */
  | undefined

export interface ListeningOptions {
  port: number
  startTimeoutMs: number
  /** Processes that a listening socket may belong to. */
  pids(): number[]
  hasExited(): boolean
}

const firstPauseMs = 5
const longestPauseMs = 100

/** Looks again and again, until the server listens, may not go on, or has ended. */
export async function waitUntilListening(options: ListeningOptions): Promise<Listened> {
  const { port, startTimeoutMs, pids, hasExited } = options
  const untilMs = Date.now() + startTimeoutMs
  for (let pauseMs = firstPauseMs; !hasExited(); pauseMs = longer(pauseMs)) {
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
    if (Date.now() > untilMs) {
      const who = found.state === 'foreign' ? ' (another process does)' : ''
      const what = `listen on port ${port}${who}`
      return {
        code: 'ERR_WORKERS_START_TIMEOUT',
        params: { what, timeoutMs: startTimeoutMs },
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return undefined
}

/** Most servers are ready soon, and the others are not waited for with all our might. */
export const longer = (pauseMs: number): number => Math.min(pauseMs * 1.3, longestPauseMs)
