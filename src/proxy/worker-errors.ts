import { GatewayError } from '../ground/errors.ts'
import type { SessionEnd } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import { startFailure } from '../sessions/start-failure.ts'

/** A worker has answered with this status, and what it wrote is for the operator alone. */
export function failedWith(statusCode: number): GatewayError {
  return new GatewayError('ERR_WORKERS_FAILED', {
    params: { statusCode },
    details: { answered: statusCode },
  })
}

/** The session has ended before its worker served anything. */
export function startError({ reason, details }: SessionEnd, server: Server): GatewayError {
  return reason === 'start-failed'
    ? startFailure(server, details ?? {})
    : new GatewayError('ERR_SESSIONS_ENDED', { params: { reason } })
}
