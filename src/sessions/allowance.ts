import type { GatewayError } from '../ground/errors.ts'
import type { StoreQuota } from './store.ts'

/** How many sessions whoever opens one may have, and how many may begin. */
export interface Allowance {
  /** Those of a bundle are not counted in these: they count with their parent. */
  readonly sessions: readonly SessionQuota[]
  /** Counts the start of a worker. @throws ERR_SESSIONS_QUOTA_STARTS, ERR_SESSIONS_STORE */
  start(): Promise<void>
}

export interface SessionQuota extends StoreQuota {
  /** What is told where it is full: ERR_SESSIONS_QUOTA_SESSIONS. */
  full(): GatewayError
}
