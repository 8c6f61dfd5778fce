import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type {
  LocalLaunch,
  LocalSpec,
  Outlives,
  ProcessIdentity,
  Worker,
  WorkerDriver,
  WorkerHandle,
  WorkerMarker,
  WorkerSpec,
} from './driver.ts'
import { ownPidNamespace } from './identity.ts'
import type { KeeperClient } from './keeper-client.ts'
import { createKeeperClient } from './keeper-client.ts'
import type { KeeperHost, StartedKeeper } from './keeper-host.ts'
import type { KeeperEnd } from './keeper-process.ts'
import { isListenedOn } from './keeper-sockets.ts'
import type { KeeperLife } from './keeper-life.ts'
import { lifeOfAttached, lifeOfChild, lifeOfOutliving, lifeOfWarm, unseen } from './keeper-life.ts'
import { keeperFailed, keeperSpec, startServer } from './keeper-start.ts'
import type { KeeperSpec } from '../keeper/protocol.ts'
import { withLimits } from './limits/enforcement.ts'
import type { Group, LimitGroups } from './limits/limits.ts'
import { createLocalWorker } from './local-worker.ts'
import type { Marker } from './markers.ts'
import { createMarkers } from './markers.ts'
import type { PidNamespace } from './pid-namespace.ts'
import { createLocalPorts } from './local-ports.ts'
import type { Ports } from './ports.ts'
import { endWorker, isKept, isReached, newHandle, isSame } from './process-handle.ts'
import type { SharedKeepers } from './shared-keepers.ts'
import { createRemains, exitOf, readExit } from './remains.ts'
import type { Templates } from './templates/templates.ts'

/** What all drivers need whose workers are processes of this machine, with a keeper beside each. */
export interface LocalDriverOptions {
  clock: Clock
  /** Keepers in the network of this machine. */
  keepers: KeeperHost
  /** The same, of several workers each; undefined where each has to have its own. */
  sharedKeepers: SharedKeepers | undefined
  namespace: PidNamespace
  ports: Ports
  limitGroups: LimitGroups
  /** Absent: nothing is forked. */
  templates?: Templates
  /** Markers of running workers stand here, one file each, mode 0600 (they hold the nonce). */
  markerDir: string
  owner: ProcessIdentity
  installation: string
  store: string
  /** A sentence for the operator. */
  warn(server: string, message: string): void
}

/** What one kind of local worker does in its own way. */
export interface LocalKind extends Pick<
  WorkerDriver,
  'name' | 'capabilities' | 'probe' | 'enforcement'
> {
  /** The keepers for a server; some stand in a network of their own. */
  keepersFor(local: LocalSpec): Pick<KeeperHost, 'take'>
  /** Whether its ports are its own, so that it gets the one that it insists on. */
  ownsPorts(local: LocalSpec): boolean
  /**
   * What the keeper starts in place of the server's own command.
   *
   * @param groups files by which a process joins the worker's control groups
   */
  wrap(spec: KeeperSpec, local: LocalSpec, groups: readonly string[]): KeeperSpec
}

/** Whether it may have a keeper together with others. */
export const sharesKeeper = ({ sessionsPerKeeper = 1 }: LocalLaunch): boolean =>
  sessionsPerKeeper > 1

/** Keepers in the network of this machine: shared as far as its configuration lets them. */
export function usualKeepers(
  { keepers, sharedKeepers }: LocalDriverOptions,
  { server, launch }: LocalSpec,
): Pick<KeeperHost, 'take'> {
  const { sessionsPerKeeper = 1 } = launch
  return sharesKeeper(launch) && sharedKeepers !== undefined
    ? sharedKeepers.of(server, sessionsPerKeeper)
    : keepers
}

/** As a keeper ends that has seen to everything itself. */
const nothingLeft: KeeperEnd = { code: 0, signal: null }

export function createLocalDriver(options: LocalDriverOptions, kind: LocalKind): WorkerDriver {
  const { clock, owner, limitGroups } = options
  const onFault = tellFault('the end of a worker')
  const warnedOf = new Set<string>()
  const markers = createMarkers(options.markerDir)
  const remains = createRemains(markers, limitGroups)
  const ports = createLocalPorts(options.ports, kind)
  /** Workers that this process sees through to their end. */
  const kept = new Set<string>()
  const pidNamespace = ownPidNamespace()

  return {
    name: kind.name,
    capabilities: kind.capabilities,
    probe: kind.probe,
    enforcement: kind.enforcement,

    async start(spec, signal) {
      const local = asLocal(spec)
      signal.throwIfAborted()
      const { port, portKind, release } = await ports.claim(local)
      let keeper: StartedKeeper
      try {
        keeper = await takeKeeper(local)
      } catch (thrown) {
        release()
        throw thrown
      }
      inBackground(keeper.ended.then(release), onFault)
      const { bootId } = owner
      const handle = newHandle(local, keeper, { driver: kind.name, port, portKind, bootId })
      const { server, session, directory, launch } = local
      const { installation, store } = options
      const { nonce } = keeper
      const own = { handle, server, session, installation, store, owner, nonce, directory }
      const marker: Marker = local.isWarm === true ? { ...own, isWarm: true } : own
      try {
        kept.add(local.workerId)
        markers.write(marker)
        const group = handle.hasGroups === true ? groupsFor(local) : undefined
        handle.groups = group?.where ?? null
        const whole = kind.wrap(keeperSpec(local, port), local, group?.procsFiles ?? [])
        const limited = withLimits(whole, { group, limits: launch.limits })
        const started = await startServer({ local, spec: limited, keeper, signal })
        const { address, warning, init } = started
        handle.address = address
        if (init !== undefined) {
          handle.initPid = init.pid
          handle.initStartTime = init.startTime
        }
        signal.throwIfAborted()
        markers.write(marker)
        if (warning !== null && !kind.ownsPorts(local)) warnOnce(server, warning)
        if (launch.transport === 'stdio') {
          const warned = clientOf(marker)
            .advice()
            .then((advice) => advice === undefined || warnOnce(server, advice))
          inBackground(warned, onFault)
        }
        if (local.isWarm === true) return warmWorkerOf(own, keeper)
        const life = local.outlives === undefined ? lifeOfChild : lifeOfOutliving
        return workerOf(marker, life(keeper, handle, clientOf(marker)))
      } catch (thrown) {
        await workerOf(marker, lifeOfChild(keeper, handle)).stop({ graceMs: 0 })
        throw thrown
      }
    },

    async attach(handle) {
      const marker = markers.read(handle.workerId)
      if (marker === undefined || !isSame(marker.handle, handle)) return undefined
      if (!isReached(marker.handle) || !(await isKept(marker.handle))) return undefined
      const client = clientOf(marker)
      const watch = await client.watch()
      if (watch === undefined) return undefined
      const life = lifeOfAttached(watch, client, marker.handle)
      inBackground(life.ended.then(ports.hold(marker.handle)), onFault)
      return workerOf(marker, life)
    },

    async bury(handle) {
      await endWorker(handle)
      await remains.clear(handle, unseen)
      return exitOf(readExit(String(handle.directory)), unseen)
    },

    async list() {
      const running: WorkerMarker[] = []
      for (const marker of markers.all()) {
        if (marker.handle.driver !== kind.name) continue
        const { handle, server, session, installation, store, isWarm } = marker
        if (handle.pidNamespace !== pidNamespace) await clearForeign(handle)
        else if (await isKept(handle)) {
          const more = isWarm === true ? { owner: marker.owner, isWarm } : { owner: marker.owner }
          running.push({ handle, server, session, installation, store, ...more })
        } else if (!kept.has(handle.workerId)) {
          await remains.clear(handle, unseen)
        }
      }
      return running
    },
  }

  /** @param claimed its marker once it has a session */
  function warmWorkerOf(claimed: Marker, keeper: StartedKeeper): Worker {
    const life = lifeOfWarm(keeper, claimed.handle, clientOf(claimed))
    return workerOf(claimed, life, (outlives) => {
      if (outlives !== undefined) life.onClaimed()
      markers.write(claimed)
    })
  }

  function workerOf(
    marker: Marker,
    life: KeeperLife,
    onClaimed?: (outlives: Outlives | undefined) => void,
  ): Worker {
    const { workerId } = marker.handle
    kept.add(workerId)
    const client = clientOf(marker)
    const more = onClaimed === undefined ? {} : { onClaimed }
    const worker = createLocalWorker({ clock, marker, client, life, remains, ...more })
    const forgotten = worker.exited.then(() => kept.delete(workerId))
    inBackground(forgotten, onFault)
    return worker
  }

  /**
   * The pids of another container with the same state directory mean nothing here, and its workers
   * are not of this host. With a container that is gone its processes are.
   */
  async function clearForeign(handle: WorkerHandle): Promise<void> {
    if (!(await isListenedOn(String(handle.socketPath)))) await remains.clear(handle, nothingLeft)
  }

  /** Every session of a server would say the same. */
  function warnOnce(server: string, warning: string): void {
    if (warnedOf.has(server)) return
    warnedOf.add(server)
    options.warn(server, warning)
  }

  function groupsFor({ workerId, launch }: LocalSpec): Group | undefined {
    try {
      return limitGroups.create(workerId, launch.limits)
    } catch (thrown) {
      throw keeperFailed(thrown)
    }
  }

  async function takeKeeper(local: LocalSpec): Promise<StartedKeeper> {
    try {
      return await kind.keepersFor(local).take()
    } catch (thrown) {
      // No file descriptor or no memory is left, for one.
      throw thrown instanceof GatewayError ? thrown : keeperFailed(thrown)
    }
  }

  function asLocal(spec: WorkerSpec): LocalSpec {
    if (spec.kind === 'local') return spec
    throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', {
      params: {
        driver: kind.name,
        why: 'a url server is not started but reached by the driver remote.',
      },
    })
  }
}

function clientOf({ handle, nonce }: Marker): KeeperClient {
  return createKeeperClient(String(handle.socketPath), nonce)
}
