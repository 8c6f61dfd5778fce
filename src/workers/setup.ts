import { join } from 'node:path'

import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { stateFolder } from '../ground/state-dir.ts'
import type { RemoteLaunch } from './driver.ts'
import { createDrivers } from './drivers/index.ts'
import type { Place } from './identity.ts'
import { createKeeperHost } from './keeper-host.ts'
import { sharesKeeper } from './local-driver.ts'
import { createLimitGroups } from './limits/groups.ts'
import { findHouse, findPidNamespace, withParent } from './pid-namespace.ts'
import type { PortWish } from './port-choice.ts'
import { fixedPortOf } from './port-choice.ts'
import { createPorts } from './ports.ts'
import { prepareRuntimeDir } from './runtime-dir.ts'
import { createNetworkKeepers, findOutbound, hasOwnNetwork } from './sandbox/network.ts'
import type { findSandbox, SandboxSupport } from './sandbox/probe.ts'
import { createSharedKeepers } from './shared-keepers.ts'
import { createSupervisor } from './supervisor.ts'
import { createTemplates } from './templates/templates.ts'
import type { Supervisor } from './supervisor.ts'
import type { Examined, Wish } from './wishes.ts'
import { examine } from './wishes.ts'

/** Everything that starts workers, made from what this machine has. */
export interface Workers {
  supervisor: Supervisor
  /**
   * How servers will be isolated here, and what enforces their limits.
   *
   * @throws ERR_CONFIG_INVALID when one asks for what cannot be had: that is said now, and not to
   *   its first client
   */
  examine(servers: readonly Wish[]): Promise<Examined>
  /** Ends the workers of gateways that are no more, and says so. */
  endLeftBehind(): Promise<void>
  /** Ends what waits for workers to come; the others belong to their sessions. */
  close(): Promise<void>
}

export interface WorkersOptions {
  clock: Clock
  events: Events
  stateDir: string
  place: Pick<Place, 'owner' | 'installation'>
  /** Name of the store that knows these workers. */
  store: string
  /** Whether workers outlive this process: the store that knows them does. */
  workersOutlive: boolean
  /** Where programs such as bwrap are looked for. */
  searchPath: string
  /** What nobody wants is not tried out. */
  servers: readonly Wish[]
  /** What the ports of workers are drawn from; those of `servers` are left out in any case. */
  ports?: PortWish
  /** How many keepers of a kind are started ahead of the sessions that need them. */
  spareKeepers: number
}

/** Loaded when somebody wants one. */
const lookForSandbox: typeof findSandbox = async (options) =>
  (await import('./sandbox/probe.ts')).findSandbox(options)

/** An ended session's port is not used again while anybody may still remember it. */
const portQuietMs = 10_000
/** For workers that were left behind to end by themselves. */
const sweepGraceMs = 1000

export async function setUpWorkers(options: WorkersOptions): Promise<Workers> {
  const { clock, events, stateDir, store, searchPath, servers } = options
  const { owner, installation } = options.place
  const limitGroups = createLimitGroups({ installation })
  const launches = servers.map(({ launch }) => launch)
  const local = launches.filter((launch) => launch.kind === 'local')
  // It may move this process, which has to happen before it has children.
  if (local.some(({ limits }) => Object.keys(limits).length > 0)) limitGroups.enforcement()
  const namespace = await findPidNamespace(!options.workersOutlive)
  const support: SandboxSupport = servers.some(({ driver }) => driver === 'sandbox')
    ? await lookForSandbox({ namespace, folder: stateDir, searchPath })
    : { available: false, why: 'no server asked for one when the gateway started' }
  const keeping = {
    clock,
    runtimeDir: prepareRuntimeDir(stateDir),
    logFile: join(stateDir, 'keepers.log'),
    namespace,
    spares: options.spareKeepers,
  }
  const usual = local.filter((launch) => !hasOwnNetwork(launch))
  const sharing = usual.filter(sharesKeeper)
  const house = sharing.length > 0 ? await findHouse(namespace, searchPath) : undefined
  const sharedKeepers =
    house === undefined
      ? undefined
      : createSharedKeepers({
          ...keeping,
          house,
          prefix: options.workersOutlive ? [] : withParent,
          outlives: options.workersOutlive,
        })
  const alone = sharedKeepers === undefined ? usual.length : usual.length - sharing.length
  const keepers = createKeeperHost(alone > 0 ? keeping : { ...keeping, spares: 0 })
  const outbound = findOutbound(searchPath)
  const slirp = outbound.available ? outbound.slirp : undefined
  const networkKeepers = support.available
    ? createNetworkKeepers(keeping, { tools: { bwrap: support.tools.bwrap, slirp }, wanted: local })
    : undefined
  const templates = createTemplates({ ...keeping, events, servers })
  const drivers = createDrivers({
    clock,
    keepers,
    sharedKeepers,
    networkKeepers,
    namespace,
    support,
    outbound,
    limitGroups,
    templates,
    ports: createPorts(clock, portQuietMs, {
      ...options.ports,
      leaveOut: [...(options.ports?.leaveOut ?? []), ...launches.flatMap(fixedPortOf)],
    }),
    markerDir: stateFolder(stateDir, 'workers'),
    stateDir,
    runtimeDir: keeping.runtimeDir,
    owner,
    installation,
    store,
    warn: (server, message) => events.emit('operator.warned', { server, message }),
    launchOf: (name) => remoteLaunchOf(servers, name),
  })
  const supervisor = createSupervisor({ clock, events, drivers, owner })
  return {
    supervisor,
    examine: (wishes) => examine(wishes, supervisor),
    async endLeftBehind() {
      const ended = await supervisor.sweep({ installation, store, graceMs: sweepGraceMs })
      if (ended === 0) return
      const message = `Ended ${ended} worker(s) that an earlier gateway had left behind.`
      events.emit('operator.warned', { message })
    },
    async close() {
      await Promise.all([keepers.close(), templates.close()])
      await Promise.all([sharedKeepers?.close(), networkKeepers?.close()])
    },
  }
}

function remoteLaunchOf(servers: readonly Wish[], name: string): RemoteLaunch | undefined {
  const launch = servers.find((server) => server.name === name)?.launch
  return launch?.kind === 'remote' ? launch : undefined
}
