import { GatewayError } from '../ground/errors.ts'
import { isOutOfRoom, noRoomError } from '../ground/room.ts'
import type { Place } from '../ground/unreached.ts'
import { isUnreached, whyUnreached } from '../ground/unreached.ts'
import type { SessionEnd } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { startFailure } from '../sessions/start-failure.ts'

type Reached = Pick<Session, 'endpoint' | 'server'>

/** A worker has answered with this status, and what it wrote is for the operator alone. */
export function failedWith(statusCode: number): GatewayError {
  return new GatewayError('ERR_WORKERS_FAILED', {
    params: { statusCode },
    details: { answered: statusCode },
  })
}

/** The connection to a worker did not come about, or broke before it had answered. */
export function brokenError(cause: unknown, { endpoint, server }: Reached): GatewayError {
  if (cause instanceof GatewayError) return cause
  if (isOutOfRoom(cause)) return noRoomError('it could not be reached', cause)
  // Of a keeper's socket only the keeper's own news say more.
  const isSocket = endpoint.socketPath !== undefined
  const why = isSocket ? undefined : whyUnreached(cause, placeOf(endpoint, server))
  if (isUnreached(cause)) {
    return why === undefined
      ? new GatewayError('ERR_PROXY_WORKER_UNREACHABLE', { cause })
      : new GatewayError('ERR_PROXY_WORKER_UNREACHABLE', { params: { why: `: ${why}` } })
  }
  return new GatewayError('ERR_PROXY_WORKER_CUT', {
    cause: why === undefined ? cause : new Error(why, { cause }),
  })
}

/** As the configuration has it: what fills a placeholder there is not to be read in a log. */
function placeOf({ origin }: Session['endpoint'], { launch }: Server): Place {
  const url = new URL(origin)
  const [, shown = ''] = /^https?:\/\/([^/?#]*)/.exec(launch.shown) ?? []
  if (launch.kind === 'local' || !shown.includes('${')) return url
  return { protocol: url.protocol, hostname: shown, host: shown }
}

/** The session has ended before its worker served anything. */
export function startError({ reason, details }: SessionEnd, server: Server): GatewayError {
  return reason === 'start-failed'
    ? startFailure(server, details ?? {})
    : new GatewayError('ERR_SESSIONS_ENDED', { params: { reason } })
}
