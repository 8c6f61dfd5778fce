import type { Clock } from '../ground/clock.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import type { Upstreams } from './asking.ts'
import { openFrameUpstreams } from './frame-upstreams.ts'
import { openRemote } from './remote.ts'
import { openWire } from './wire/client.ts'

/**
 * The way to a session's worker: frames to a keeper that takes them, plain sockets to what else is on
 * this machine, and undici to the rest.
 */
export function openUpstreams(session: Session, clock: Clock): Upstreams {
  const { endpoint, server } = session
  if (endpoint.frames === true) return openFrameUpstreams(endpoint, ownerOf(session))
  const open = server.launch.kind === 'remote' ? openRemote : openWire
  return open(endpoint, ownerOf(session), clock)
}
