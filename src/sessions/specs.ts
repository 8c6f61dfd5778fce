import type { ResolvedCredentials } from '../ground/credentials.ts'
import { handleOf } from '../ground/handle.ts'
import type { LocalLaunch, LocalSpec, Outlives, WorkerSpec } from '../workers/driver.ts'
import type { SessionDirectories } from './directories.ts'
import type { Server } from './server.ts'

/** What the worker of a session is started with. */
export interface Specs {
  /** Makes its folders as well. */
  of(named: Named, server: Server, more: SpecNeeds): WorkerSpec
  /** The same before there is a session; `launch` is the server's. */
  ahead(named: Named, server: Server, launch: LocalLaunch): LocalSpec
  /** When the worker of a session that ends in so long ends by itself; undefined: with its gateway. */
  outlives(server: Server, maxMs: number): Outlives | undefined
}

export interface Named {
  id: string
  workerId: string
}

interface SpecNeeds {
  credentials: ResolvedCredentials | undefined
  /** In so long its session ends at the latest. */
  maxMs: number
}

/** How much longer a worker lives on its own than its session would: its gateways come first. */
const orphanMarginMs = 60_000

export function createSpecs(options: {
  directories: SessionDirectories
  outputMaxBytes: number
  /** Whether workers outlive their gateway. */
  isShared: boolean
}): Specs {
  const { directories, outputMaxBytes, isShared } = options

  function local(
    { id, workerId }: Named,
    server: Server,
    launch: LocalLaunch,
    maxMs: number,
  ): LocalSpec {
    const session = handleOf(id)
    const { root, workspace, tmp } = directories.make(session)
    const outlives = outlivesOf(server, maxMs)
    return {
      workerId,
      session,
      server: server.name,
      kind: 'local',
      launch,
      directory: root,
      cwd: server.cwd === 'session' ? workspace : server.cwd,
      env: {
        ...server.env,
        TMPDIR: tmp,
        BERTH_WORKSPACE: workspace,
        BERTH_SESSION_ID: id,
      },
      outputMaxBytes,
      startTimeoutMs: server.startTimeoutMs,
      ...(outlives === undefined ? {} : { outlives }),
    }
  }

  const outlivesOf = ({ lifecycle }: Server, maxMs: number): Outlives | undefined =>
    isShared ? { maxMs, orphanMs: lifecycle.idleMs + orphanMarginMs } : undefined

  return {
    of(named, server, { credentials, maxMs }) {
      const { launch } = server
      if (launch.kind === 'local') {
        const spec = local(named, server, launch, maxMs)
        return credentials === undefined ? spec : { ...spec, credentials: { ...credentials.env } }
      }
      const { id, workerId } = named
      const base = { workerId, session: handleOf(id), server: server.name }
      if (launch.kind === 'inside') return { ...base, kind: 'inside', launch }
      const headers = { ...launch.headers, ...credentials?.headers }
      return { ...base, kind: 'remote', launch: { ...launch, headers } }
    },
    ahead: (named, server, launch) => ({
      ...local(named, server, launch, server.lifecycle.maxMs),
      isWarm: true,
    }),
    outlives: outlivesOf,
  }
}
