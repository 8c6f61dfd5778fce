import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { followRedirects } from './following.ts'
import type { ClientStream, Traffic } from './traffic.ts'
import { createTraffic } from './traffic.ts'
import type { Upstreams } from './asking.ts'
import { openUpstreams } from './upstreams.ts'

/** The traffic of a session with the connections it goes over; made at its first use. */
export type TrafficOf = (session: Session) => Traffic & { readonly upstreams: Upstreams }

export interface Traffics {
  of: TrafficOf
  /** Sends what is due on silent streams. */
  keepAlive(nowMs: number): void
  /** This gateway goes and the sessions stay: ends these streams, so that they can be resumed. */
  leave(which: (stream: ClientStream) => boolean): void
}

/** @param inside the way to a worker that is a part of the gateway */
export function createTraffics(
  clock: Clock,
  events: Events,
  inside: (session: Session) => Upstreams,
): Traffics {
  const open = new Map<Session, ReturnType<TrafficOf>>()
  return {
    of(session) {
      const found = open.get(session)
      if (found !== undefined) return found
      const isInside = session.server.launch.kind === 'inside'
      const direct = isInside ? inside(session) : openUpstreams(session, clock)
      // An agent that speaks no MCP may redirect its clients wherever it likes.
      const isPlain = session.server.protocol === 'http'
      const upstreams = isPlain || isInside ? direct : followRedirects(direct, session)
      const traffic = Object.assign(createTraffic(session, clock, events), { upstreams })
      open.set(session, traffic)
      session.onEnding(() => {
        open.delete(session)
        // Its streams were ended by now; what is left are idle connections.
        inBackground(upstreams.destroy(), tellFault('closing connections', ownerOf(session)))
      })
      return traffic
    },
    leave(which) {
      for (const { streams } of open.values()) {
        for (const stream of [...streams].filter(which)) stream.leave()
      }
    },
    keepAlive(nowMs) {
      for (const { streams } of open.values()) {
        for (const stream of streams) stream.keepAlive(nowMs)
      }
    },
  }
}
