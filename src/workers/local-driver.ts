import { rmSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type {
  LocalSpec,
  ProcessIdentity,
  Usage,
  Worker,
  WorkerDriver,
  WorkerExit,
  WorkerHandle,
  WorkerMarker,
  WorkerSpec,
} from './driver.ts'
import { hasEnded, isAlive, killIfAlive } from './identity.ts'
import { createKeeperClient } from './keeper-client.ts'
import type { KeeperEnd, KeeperHost, StartedKeeper } from './keeper-host.ts'
import { exitFileOf, keeperFailed, keeperSpec, startServer } from './keeper-start.ts'
import type { KeeperExit, KeeperSpec } from './keeper/protocol.ts'
import { withLimits } from './limits/enforcement.ts'
import type { Group, LimitGroups } from './limits/limits.ts'
import type { Marker } from './markers.ts'
import { createMarkers, readJson } from './markers.ts'
import type { PidNamespace } from './pid-namespace.ts'
import type { Ports } from './ports.ts'
import { isPortFree } from './ports.ts'
import { endTreeOf, endpointOf, keeperIn, newHandle } from './process-handle.ts'

/** What all drivers need whose workers are processes of this machine, with a keeper beside each. */
export interface LocalDriverOptions {
  clock: Clock
  /** Keepers in the network of this machine. */
  keepers: KeeperHost
  namespace: PidNamespace
  ports: Ports
  limitGroups: LimitGroups
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
  keepersFor(local: LocalSpec): KeeperHost
  /** Whether its ports are its own, so that it gets the one that it insists on. */
  ownsPorts(local: LocalSpec): boolean
  /** What the keeper starts in place of the server's own command. */
  wrap(spec: KeeperSpec, local: LocalSpec): KeeperSpec
}

/** AgentCore's port for MCP servers, for a server in a network of its own that names none. */
const usualPort = 8000

/** A worker of which it is not known how its keeper ended: somebody else was its parent. */
const unseen: KeeperEnd = { code: null, signal: null }

const outOfMemory = 'it wanted more memory than it may have (limits.memory), and was killed'

/** Turns of the event loop in which everything that is in our sockets has been read. */
const readingTurns = 8

export function createLocalDriver(options: LocalDriverOptions, kind: LocalKind): WorkerDriver {
  const { clock, ports, owner, limitGroups } = options
  const fixedPorts = new Set<number>()
  const warnedOf = new Set<string>()
  const markers = createMarkers(options.markerDir)

  return {
    name: kind.name,
    capabilities: kind.capabilities,
    probe: kind.probe,
    enforcement: kind.enforcement,

    async start(spec, signal) {
      const local = asLocal(spec)
      signal.throwIfAborted()
      const port = local.launch.transport === 'http' ? await claimPort(local) : null
      let keeper: StartedKeeper
      try {
        keeper = await takeKeeper(local)
      } catch (thrown) {
        releasePort(local, port)
        throw thrown
      }
      const handle = newHandle(local, keeper, { driver: kind.name, port, bootId: owner.bootId })
      const marker: Marker = {
        handle,
        server: local.server,
        session: local.session,
        installation: options.installation,
        store: options.store,
        owner,
        nonce: keeper.nonce,
        directory: local.directory,
      }
      void keeper.ended.then(() => releasePort(local, port))
      try {
        markers.write(marker)
        const { limits } = local.launch
        const group = handle.hasGroups === true ? groupsFor(local) : undefined
        const own = kind.wrap(keeperSpec(local, port), local)
        const limited = withLimits(own, { group, limits })
        const { address, warning } = await startServer({ local, spec: limited, keeper, signal })
        signal.throwIfAborted()
        handle.address = address
        markers.write(marker)
        if (warning !== null && !kind.ownsPorts(local)) warnOnce(local.server, warning)
        return workerOf(marker, keeper.ended, keeper.kill)
      } catch (thrown) {
        await workerOf(marker, keeper.ended, keeper.kill).stop({ graceMs: 0 })
        throw thrown
      }
    },

    async attach(handle) {
      const marker = markers.read(handle.workerId)
      if (marker === undefined) return undefined
      const { pid, startTime, bootId } = marker.handle
      if (pid !== handle.pid || startTime !== handle.startTime || bootId !== handle.bootId) {
        return undefined
      }
      const keeper = keeperIn(marker.handle)
      if (!isAlive(keeper)) return undefined
      const client = createKeeperClient(String(marker.handle.socketPath), marker.nonce)
      const there = await client.call('GET', '/keeper/lines').catch(() => undefined)
      if (there?.statusCode !== 200) return undefined
      const ended = hasEnded(keeper).then(() => unseen)
      return workerOf(marker, ended, () => killIfAlive(keeper))
    },

    async bury(handle) {
      await clearRemains(handle, unseen)
      return exitOf(readExit(String(handle.directory)), unseen)
    },

    async list() {
      const running: WorkerMarker[] = []
      for (const marker of markers.all()) {
        if (marker.handle.driver !== kind.name) continue
        const { handle, server, session, installation, store } = marker
        const isOwn = marker.owner.pid === owner.pid && isAlive(marker.owner)
        if (isAlive(keeperIn(handle))) {
          running.push({ handle, server, session, installation, store, owner: marker.owner })
        } else if (!isOwn) {
          await clearRemains(handle, unseen)
        }
      }
      return running
    },
  }

  /** Of a worker whose keeper is gone: unless that saw to it itself, processes may be left. */
  async function clearRemains(handle: WorkerHandle, { code }: KeeperEnd): Promise<void> {
    if (code !== 0) await endTreeOf(handle)
    await foundGroup(handle)?.remove()
    markers.remove(handle.workerId)
    rmSync(String(handle.socketPath), { force: true })
  }

  /** Every session of a server would say the same. */
  function warnOnce(server: string, warning: string): void {
    if (warnedOf.has(server)) return
    warnedOf.add(server)
    options.warn(server, warning)
  }

  /** Where no server has limits nothing is looked for: that alone makes groups, to try them. */
  function foundGroup({ hasGroups, workerId }: WorkerHandle): Group | undefined {
    return hasGroups === true ? limitGroups.find(workerId) : undefined
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

  async function claimPort(spec: LocalSpec): Promise<number> {
    const { port } = spec.launch
    if (kind.ownsPorts(spec)) return port ?? usualPort
    if (port === undefined) return ports.take()
    if (!fixedPorts.has(port)) {
      // Before the first await: two sessions may start at the same time.
      fixedPorts.add(port)
      if (await isPortFree(port)) return port
      fixedPorts.delete(port)
    }
    throw new GatewayError('ERR_WORKERS_PORT_TAKEN', {
      params: { port, server: spec.server },
      retryAfterSeconds: 10,
    })
  }

  function releasePort(local: LocalSpec, port: number | null): void {
    const { launch } = local
    if (port === null || kind.ownsPorts(local)) return
    if (launch.port === undefined) ports.release(port)
    else fixedPorts.delete(port)
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

  function workerOf(marker: Marker, keeperEnded: Promise<KeeperEnd>, kill: () => void): Worker {
    const { handle, directory, nonce } = marker
    const group = foundGroup(handle)
    let used: Usage | undefined
    const client = createKeeperClient(String(handle.socketPath), nonce)
    let exit: KeeperExit | undefined
    const exited = keeperEnded.then(async (end): Promise<WorkerExit> => {
      exit = readExit(directory)
      used = together(exit?.usage, group?.usage())
      const oom = (group?.oomKills() ?? 0) > 0
      await clearRemains(handle, end)
      // What it wrote last is in our sockets, and whoever hears of its end stops reading.
      for (let turn = 0; turn < readingTurns; turn += 1) await nextTurn()
      const seen = exitOf(exit, end)
      // Asked to end, it may have had a child killed long before.
      return oom && stopping === undefined ? { ...seen, how: outOfMemory, oom } : seen
    })
    let stopping: Promise<void> | undefined
    return {
      handle,
      endpoint: endpointOf(handle, nonce),
      exited,
      stop({ graceMs }) {
        stopping ??= (async () => {
          const limit = clock.after(graceMs + 3000, kill)
          await client.call('POST', `/keeper/stop?graceMs=${graceMs}`).catch(() => {
            // It does not answer: gone already, or stuck. Both are settled by killing it.
            kill()
          })
          await exited
          limit.cancel()
        })()
        return stopping
      },
      async lastLines() {
        if (exit !== undefined) return exit.lastLines
        const answer = await client.call('GET', '/keeper/lines').catch(() => undefined)
        return (answer?.body as string[] | undefined) ?? readExit(directory)?.lastLines ?? []
      },
      async leaveNote(text) {
        await client.call('PUT', '/keeper/note', text)
      },
      async note() {
        const answer = await client.call('GET', '/keeper/note').catch(() => undefined)
        return typeof answer?.body === 'string' ? answer.body : undefined
      },
      async usage() {
        if (used !== undefined) return used
        const answer = await client.call('GET', '/keeper/usage').catch(() => undefined)
        return together(answer?.body as Usage | undefined, group?.usage())
      },
    }
  }
}

/** What is counted for a whole group is exact; the rest is what the keeper has seen. */
function together(seen: Usage | undefined, group: Usage | undefined): Usage {
  const { cpuMs, peakMemoryBytes } = group ?? {}
  return {
    ...seen,
    ...(cpuMs === undefined ? {} : { cpuMs }),
    ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }),
  }
}

/** Nothing is known of the server itself: its keeper could not tell. */
function howWithoutKeeper({ code, signal }: KeeperEnd): string {
  if (code === null && signal === null) return 'its keeper vanished'
  // 128 + 9, as a shell has it that waited for a keeper which was killed.
  if (code === null || code > 128) return 'its keeper was killed'
  return `its keeper ended unexpectedly (exit code ${code})`
}

/** As its keeper has written it down, or as it looks without. */
function exitOf(exit: KeeperExit | undefined, end: KeeperEnd): WorkerExit {
  return exit === undefined
    ? { code: null, signal: 'SIGKILL', how: howWithoutKeeper(end) }
    : { code: exit.code, signal: exit.signal, how: exit.how }
}

function readExit(directory: string): KeeperExit | undefined {
  return readJson(exitFileOf(directory)) as KeeperExit | undefined
}
