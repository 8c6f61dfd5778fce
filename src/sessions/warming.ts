import { randomBytes, randomUUID } from 'node:crypto'

import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import type { ReadFreeMemory } from '../workers/limits/free-memory.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { WarmPool, WarmServer } from '../workers/warm/pool.ts'
import { createWarmPool } from '../workers/warm/pool.ts'
import type { SessionDirectories } from './directories.ts'
import { memoryShortage } from './memory.ts'
import type { Caps, Server } from './server.ts'
import type { Specs } from './specs.ts'
import type { Starts } from './starts.ts'

export interface WarmingOptions {
  clock: Clock
  events: Events
  supervisor: Supervisor
  directories: SessionDirectories
  servers: readonly Server[]
  caps: Caps
  freeMemory: ReadFreeMemory
  sessions: ReadonlyMap<string, unknown>
  specs: Specs
  starts: Starts
}

/**
 * The workers that wait for sessions. Each has been given the id, the folders and the environment of
 * the session that will claim it; with those of all servers together there are never more than
 * `maxSessions`, and warm ones make room.
 */
export function createWarming(options: WarmingOptions): WarmPool {
  const { clock, events, supervisor, directories, caps, sessions, specs, starts } = options
  const servers = new Map(options.servers.map((server) => [server.name, server]))
  const kept = options.servers.flatMap(({ name, driver, graceMs, warm }): WarmServer[] =>
    warm === undefined ? [] : [{ name, driver, graceMs, warm }],
  )
  const pool = createWarmPool({
    clock,
    events,
    supervisor,
    servers: kept,
    specFor(name) {
      const server = servers.get(name)
      const launch = server?.launch
      if (server === undefined || launch?.kind !== 'local')
        throw new Error(`${name} is not started`)
      const named = { id: randomUUID(), workerId: randomBytes(8).toString('hex') }
      return { id: named.id, spec: specs.ahead(named, server, launch) }
    },
    turn: (name, signal) => starts.leisure(name, signal),
    // Those that wait give back their memory before a session has to.
    room: () => (memoryShortage(options) === undefined ? caps.maxSessions - sessions.size : 0),
    forget: ({ session }) => directories.finish(session),
  })
  if (kept.length > 0) {
    events.on('session.opened', pool.trim)
    events.on('session.closed', pool.refillSoon)
  }
  return pool
}
