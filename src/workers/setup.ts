import { join } from 'node:path'

import type { Clock } from '../ground/clock.ts'
import type { LocalLaunch, ProcessIdentity, RemoteLaunch, WorkerDriver } from './driver.ts'
import { createDrivers } from './drivers/index.ts'
import { createKeeperHost } from './keeper-host.ts'
import { createLimitGroups } from './limits/groups.ts'
import { findPidNamespace } from './pid-namespace.ts'
import { createPorts } from './ports.ts'
import { prepareRuntimeDir } from './runtime-dir.ts'
import { createNetworkKeepers, findOutbound, hasOwnNetwork } from './sandbox/network.ts'
import type { findSandbox, SandboxSupport } from './sandbox/probe.ts'

/** Everything that starts workers, made from what this machine has. */
export interface Workers {
  drivers: ReadonlyMap<string, WorkerDriver>
  /** Ends what waits for workers to come; the others belong to their sessions. */
  close(): Promise<void>
}

export interface WorkersOptions {
  clock: Clock
  stateDir: string
  installation: string
  store: string
  owner: ProcessIdentity
  /** Whether workers outlive this process: the store that knows them does. */
  workersOutlive: boolean
  /** Where programs such as bwrap are looked for. */
  searchPath: string
  launches: (LocalLaunch | RemoteLaunch)[]
  /** Names of the drivers that servers ask for: what nobody wants is not tried out. */
  wanted: string[]
  /** How many keepers of a kind are started ahead of the sessions that need them. */
  spareKeepers: number
  /** The launch of a configured server, by its name. */
  remoteLaunchOf(server: string): RemoteLaunch | undefined
  warn(server: string, message: string): void
}

/** Loaded when somebody wants one. */
const lookForSandbox: typeof findSandbox = async (options) =>
  (await import('./sandbox/probe.ts')).findSandbox(options)

/** An ended session's port is not used again while anybody may still remember it. */
const portQuietMs = 10_000

export async function setUpWorkers(options: WorkersOptions): Promise<Workers> {
  const { clock, stateDir, installation, store, owner, searchPath, launches } = options
  const limitGroups = createLimitGroups({ installation })
  const local = launches.filter((launch) => launch.kind === 'local')
  // It may move this process, which has to happen before it has children.
  if (local.some(({ limits }) => Object.keys(limits).length > 0)) limitGroups.enforcement()
  const namespace = await findPidNamespace(!options.workersOutlive)
  const support: SandboxSupport = options.wanted.includes('sandbox')
    ? await lookForSandbox({ namespace, folder: stateDir, searchPath })
    : { available: false, why: 'no server asked for one when the gateway started' }
  const keeping = {
    clock,
    runtimeDir: prepareRuntimeDir(stateDir),
    logFile: join(stateDir, 'keepers.log'),
    namespace,
    spares: options.spareKeepers,
  }
  const usesKeepers = local.some((launch) => !hasOwnNetwork(launch))
  const keepers = createKeeperHost(usesKeepers ? keeping : { ...keeping, spares: 0 })
  const outbound = findOutbound(searchPath)
  const slirp = outbound.available ? outbound.slirp : undefined
  const networkKeepers = support.available
    ? createNetworkKeepers(keeping, { tools: { bwrap: support.tools.bwrap, slirp }, wanted: local })
    : undefined
  const drivers = createDrivers({
    clock,
    keepers,
    networkKeepers,
    namespace,
    support,
    outbound,
    limitGroups,
    ports: createPorts(clock, portQuietMs),
    markerDir: join(stateDir, 'workers'),
    stateDir,
    owner,
    installation,
    store,
    warn: options.warn,
    launchOf: options.remoteLaunchOf,
  })
  return {
    drivers,
    async close() {
      await Promise.all([keepers.close(), networkKeepers?.close()])
    },
  }
}
