import { GatewayError } from '../ground/errors.ts'
import type { SessionEnd } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'

/** A worker has answered with this status, and what it wrote is for the operator alone. */
export function failedWith(statusCode: number): GatewayError {
  return new GatewayError('ERR_WORKERS_FAILED', {
    params: { statusCode },
    details: { answered: statusCode },
  })
}

/** The session has ended before its worker served anything. */
export function startError({ reason, details }: SessionEnd, { launch }: Server): GatewayError {
  const code = reason === 'start-failed' ? 'ERR_WORKERS_EXITED_EARLY' : 'ERR_SESSIONS_ENDED'
  const how = typeof details?.how === 'string' ? details.how : 'it ended'
  return new GatewayError(code, { params: { command: launch.shown, how, reason } })
}
