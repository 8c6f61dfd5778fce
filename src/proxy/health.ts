import { Client } from 'undici'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Health } from '../protocols/invocations.ts'
import { pingPath, readHealth } from '../protocols/invocations.ts'
import { addressed } from '../protocols/worker-headers.ts'
import { asGatewayError } from '../ground/replies.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { NamedOpener } from '../sessions/naming.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { settings } from './remote.ts'
import { startError } from './worker-errors.ts'

/** How long one question may take; a busy agent may answer late. */
const pingMs = 5000
const shortestPauseMs = 10
const longestPauseMs = 250

/**
 * The session of this name with a worker that is healthy: the one that goes on, or a new one. Of
 * several who ask at once one opens it, and all go on when it is live.
 *
 * @throws what `Sessions.openNamed` throws, ERR_WORKERS_UNHEALTHY, ERR_WORKERS_EXITED_EARLY
 */
export async function openHealthy(
  { sessions, clock }: { sessions: Sessions; clock: Clock },
  what: { server: Server; opener: NamedOpener; name: string },
  gone: AbortSignal,
): Promise<Session> {
  const { server, opener, name } = what
  const { session, isNew } = await sessions.openNamed(server, opener, name, gone)
  if (!isNew) return session
  try {
    // What others use as well, and was not started here, is as it is.
    if (server.launch.kind === 'local') await untilHealthy(session, clock, gone)
    if (await sessions.bind(session, {})) return session
    throw new GatewayError('ERR_SESSIONS_ENDED', { params: { reason: 'stopped' } })
  } catch (thrown) {
    const error = asGatewayError(thrown)
    inBackground(sessions.fail(session, error), tellFault('ending a start', ownerOf(session)))
    throw error
  }
}

/** It listens; what it says at `/ping` decides whether it can be sent anything. */
async function untilHealthy(session: Session, clock: Clock, gone: AbortSignal): Promise<void> {
  const { server } = session
  const untilMs = session.startingAtMs + server.startTimeoutMs
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    const answer = await ping(session)
    gone.throwIfAborted()
    if (session.end !== undefined) throw startError(session.end, server)
    const { statusCode } = answer ?? {}
    if (statusCode === 200) return
    const isMissing = statusCode === 404 || statusCode === 405
    if (isMissing || clock.now() >= untilMs) {
      const how = statusCode === undefined ? 'was not answered' : `answered ${statusCode}`
      throw new GatewayError('ERR_WORKERS_UNHEALTHY', {
        params: { command: server.launch.shown, path: pingPath(session.endpoint.path), how },
      })
    }
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve))
  }
}

/** What the worker of a session says of itself; undefined when it says nothing. */
export async function ping(
  session: Session,
): Promise<{ statusCode: number; health: Health } | undefined> {
  const { endpoint } = session
  const client = new Client(endpoint.origin, settings(endpoint))
  try {
    const { statusCode, body } = await client.request({
      method: 'GET',
      path: pingPath(endpoint.path),
      headers: addressed({}, endpoint),
      signal: AbortSignal.timeout(pingMs),
    })
    return { statusCode, health: readHealth(await body.text()) }
  } catch {
    return undefined
  } finally {
    await client.destroy()
  }
}
