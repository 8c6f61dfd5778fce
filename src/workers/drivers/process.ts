import { rmSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type {
  LocalSpec,
  ProcessIdentity,
  Worker,
  WorkerDriver,
  WorkerExit,
  WorkerHandle,
  WorkerMarker,
  WorkerSpec,
} from '../driver.ts'
import { hasEnded, isAlive, killIfAlive } from '../identity.ts'
import { createKeeperClient } from '../keeper-client.ts'
import type { KeeperEnd, KeeperHost, StartedKeeper } from '../keeper-host.ts'
import { exitFileOf, keeperFailed, startServer } from '../keeper-start.ts'
import type { KeeperExit } from '../keeper/protocol.ts'
import type { Marker } from '../markers.ts'
import { createMarkers, readJson } from '../markers.ts'
import type { PidNamespace } from '../pid-namespace.ts'
import type { Ports } from '../ports.ts'
import { isPortFree } from '../ports.ts'
import { endTreeOf, endpointOf, keeperIn, newHandle } from '../process-handle.ts'

/**
 * `process`: a child process with a keeper beside it. A convenience, not a wall: a worker may read
 * whatever its user may read.
 */
export interface ProcessDriverOptions {
  clock: Clock
  keepers: KeeperHost
  namespace: PidNamespace
  ports: Ports
  /** Markers of running workers stand here, one file each, mode 0600 (they hold the nonce). */
  markerDir: string
  owner: ProcessIdentity
  installation: string
  store: string
  /** A sentence for the operator. */
  warn(server: string, message: string): void
}

/** A worker of which it is not known how its keeper ended: somebody else was its parent. */
const unseen: KeeperEnd = { code: null, signal: null }

/** Turns of the event loop in which everything that is in our sockets has been read. */
const readingTurns = 8

export function createProcessDriver(options: ProcessDriverOptions): WorkerDriver {
  const { clock, keepers, namespace, ports, owner } = options
  const fixedPorts = new Set<number>()
  const warnedOf = new Set<string>()
  const markers = createMarkers(options.markerDir)

  return {
    name: 'process',
    capabilities: { isolation: 'process', perSession: true, reattach: true, output: true },

    probe: () =>
      Promise.resolve({
        available: true,
        how: namespace.own
          ? 'a process tree of its own (PID namespace); no wall: it can read what you can read'
          : 'a process of its own; no wall: it can read what you can read',
        missing: namespace.own
          ? []
          : [
              `No PID namespace (${namespace.why}): a server that hides from its keeper may outlive a kill -9 of it, until the gateway or its next start sweeps it.`,
            ],
      }),

    async start(spec, signal) {
      const local = asLocal(spec)
      signal.throwIfAborted()
      const port = local.launch.transport === 'http' ? await claimPort(local) : null
      let keeper: StartedKeeper
      try {
        keeper = await takeKeeper()
      } catch (thrown) {
        releasePort(local, port)
        throw thrown
      }
      const handle = newHandle(local, keeper, { port, bootId: owner.bootId })
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
        const { address, warning } = await startServer({ local, port, keeper, signal })
        signal.throwIfAborted()
        handle.address = address
        markers.write(marker)
        if (warning !== null) warnOnce(local.server, warning)
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

    async list() {
      const running: WorkerMarker[] = []
      for (const marker of markers.all()) {
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
    markers.remove(handle.workerId)
    rmSync(String(handle.socketPath), { force: true })
  }

  /** Every session of a server would say the same. */
  function warnOnce(server: string, warning: string): void {
    if (warnedOf.has(server)) return
    warnedOf.add(server)
    options.warn(server, warning)
  }

  async function takeKeeper(): Promise<StartedKeeper> {
    try {
      return await keepers.take()
    } catch (thrown) {
      // No file descriptor or no memory is left, for one.
      throw thrown instanceof GatewayError ? thrown : keeperFailed(thrown)
    }
  }

  async function claimPort(spec: LocalSpec): Promise<number> {
    const { port } = spec.launch
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

  function releasePort({ launch }: LocalSpec, port: number | null): void {
    if (port === null) return
    if (launch.port === undefined) ports.release(port)
    else fixedPorts.delete(port)
  }

  function workerOf(marker: Marker, keeperEnded: Promise<KeeperEnd>, kill: () => void): Worker {
    const { handle, directory, nonce } = marker
    const client = createKeeperClient(String(handle.socketPath), nonce)
    let exit: KeeperExit | undefined
    const exited = keeperEnded.then(async (end): Promise<WorkerExit> => {
      await clearRemains(handle, end)
      exit = readExit(directory)
      // What it wrote last is in our sockets, and whoever hears of its end stops reading.
      for (let turn = 0; turn < readingTurns; turn += 1) await nextTurn()
      return exit === undefined
        ? { code: null, signal: 'SIGKILL', how: howWithoutKeeper(end) }
        : { code: exit.code, signal: exit.signal, how: exit.how }
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
    }
  }
}

/** Nothing is known of the server itself: its keeper could not tell. */
function howWithoutKeeper({ code, signal }: KeeperEnd): string {
  if (code === null && signal === null) return 'its keeper vanished'
  // 128 + 9, as a shell has it that waited for a keeper which was killed.
  if (code === null || code > 128) return 'its keeper was killed'
  return `its keeper ended unexpectedly (exit code ${code})`
}

function readExit(directory: string): KeeperExit | undefined {
  return readJson(exitFileOf(directory)) as KeeperExit | undefined
}

function asLocal(spec: WorkerSpec): LocalSpec {
  if (spec.kind === 'local') return spec
  throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', {
    params: {
      driver: 'process',
      why: 'a url server is not started but reached by the driver remote.',
    },
  })
}
