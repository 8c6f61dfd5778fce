import type { FastifyInstance } from 'fastify'

import { Type } from '../../ground/schema.ts'
import type { Sessions } from '../../sessions/manager.ts'

const time = Type.String({ description: 'ISO 8601' })
const count = Type.Integer({ minimum: 0 })

/** What waits for sessions of one server. */
const WarmView = Type.Object({
  server: Type.String(),
  min: count,
  max: count,
  wanted: count,
  hits: count,
  misses: count,
  /** Nothing is started before, because the last ones came to nothing. */
  pausedUntil: Type.Optional(time),
  workers: Type.Array(
    Type.Object({
      handle: Type.String(),
      workerId: Type.String(),
      pid: Type.Optional(Type.Integer()),
      state: Type.String(),
      startedAt: time,
    }),
  ),
})

export function warmRoutes(
  app: FastifyInstance,
  { sessions }: { sessions: Sessions },
  done: () => void,
): void {
  const response = { 200: Type.Object({ servers: Type.Array(WarmView) }) }
  app.get('/warm', { schema: { response } }, () => ({
    servers: sessions.warm.list().map(({ server, min, max, wanted, hits, misses, ...more }) => ({
      ...{ server, min, max, wanted, hits, misses },
      ...(more.pausedUntilMs === undefined ? {} : { pausedUntil: iso(more.pausedUntilMs) }),
      workers: more.workers.map(({ session, workerId, pid, state, sinceMs }) => ({
        ...{ handle: session, workerId, state, startedAt: iso(sinceMs) },
        ...(pid === undefined ? {} : { pid }),
      })),
    })),
  }))
  done()
}

const iso = (ms: number): string => new Date(ms).toISOString()
