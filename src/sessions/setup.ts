import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { stateFolder } from '../ground/state-dir.ts'
import type { Place } from '../workers/identity.ts'
import type { ReadFreeMemory } from '../workers/limits/free-memory.ts'
import { createMemoryReader } from '../workers/limits/free-memory.ts'
import type { Supervisor } from '../workers/supervisor.ts'
import type { Retention, SessionDirectories } from './directories.ts'
import { createSessionDirectories } from './directories.ts'
import { createTrash } from './folders/trash.ts'
import { followWorkers } from './follow.ts'
import type { Sessions } from './manager.ts'
import { createSessions } from './manager.ts'
import { keepRetention } from './retention.ts'
import type { Caps, Server } from './server.ts'
import type { Session } from './session.ts'
import type { SessionStore } from './store.ts'

export interface SessionsSetup {
  clock: Clock
  events: Events
  stateDir: string
  place: Place
  store: SessionStore
  supervisor: Supervisor
  servers: readonly Server[]
  caps: Caps
  /** Default: what the system tells. */
  freeMemory: ReadFreeMemory | undefined
  retention: Retention & { logFileBytes: number }
  /** Whether what workers write comes as `worker.output` events too. */
  followsOutput: boolean
  /** See `SessionsOptions`. */
  lostAfterMs: number | undefined
  /** How the protocol takes its leave of a worker; bounded by the protocol. */
  goodbye(session: Session): Promise<void>
}

export interface SessionsSet {
  sessions: Sessions
  directories: SessionDirectories
  /** Looks no longer after what sessions have left behind; `drain` ends the sessions themselves. */
  stop(): Promise<void>
}

/** The sessions of this gateway, with their folders and what is kept of those that have ended. */
export function setUpSessions(options: SessionsSetup): SessionsSet {
  const { clock, events, place, retention, lostAfterMs } = options
  const { store, supervisor, servers, caps, goodbye } = options
  const trash = createTrash({ folder: stateFolder(options.stateDir, 'trash'), clock, events })
  const folder = stateFolder(options.stateDir, 'sessions')
  const directories = createSessionDirectories(folder, retention, trash)
  const { owner } = place
  const sessions = createSessions({
    clock,
    events,
    store,
    supervisor,
    directories,
    caps,
    freeMemory: options.freeMemory ?? createMemoryReader(),
    host: place.host,
    owner: `${owner.bootId}.${owner.pid}.${owner.startTime}`,
    installation: place.installation,
    servers,
    outputMaxBytes: retention.logFileBytes,
    goodbye,
    ...(lostAfterMs === undefined ? {} : { lostAfterMs }),
  })
  if (options.followsOutput) followWorkers(events, directories)
  const { installation } = place
  const running = () => supervisor.list({ installation, store: store.name })
  const keeping = keepRetention({ clock, events, sessions, directories, running })
  return {
    sessions,
    directories,
    stop() {
      keeping.cancel()
      return trash.close()
    },
  }
}
