import type { Clock } from '../ground/clock.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import type { Upstreams } from './asking.ts'
import { openRemote } from './remote.ts'
import { openWire } from './wire/client.ts'

/** The way to a session's worker: over plain sockets to one on this machine, else through undici. */
export function openUpstreams(session: Session, clock: Clock): Upstreams {
  const { endpoint, server } = session
  const open = server.launch.kind === 'remote' ? openRemote : openWire
  return open(endpoint, ownerOf(session), clock)
}
