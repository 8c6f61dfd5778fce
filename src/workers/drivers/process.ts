import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Clock } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type {
  Endpoint,
  LocalSpec,
  ProcessIdentity,
  Worker,
  WorkerDriver,
  WorkerExit,
  WorkerHandle,
  WorkerMarker,
  WorkerSpec,
} from '../driver.ts'
import { hasEnded, isAlive, startTimeOf } from '../identity.ts'
import { createKeeperClient } from '../keeper-client.ts'
import type { KeeperHost } from '../keeper-host.ts'
import type { KeeperExit, KeeperFailure, KeeperSpec, KeeperStarted } from '../keeper/protocol.ts'
import { nonceHeader } from '../keeper/protocol.ts'
import { markedTree } from '../keeper/tree.ts'
import type { PidNamespace } from '../pid-namespace.ts'
import type { Ports } from '../ports.ts'
import { isPortFree } from '../ports.ts'

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

interface Marker extends WorkerMarker {
  nonce: string
  directory: string
}

export function createProcessDriver(options: ProcessDriverOptions): WorkerDriver {
  const { clock, keepers, namespace, ports, markerDir } = options
  const busyPorts = new Set<number>()
  mkdirSync(markerDir, { recursive: true, mode: 0o700 })
  const markerFile = (workerId: string): string => join(markerDir, `${workerId}.json`)

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
      const { launch } = local
      signal.throwIfAborted()
      const port = launch.transport === 'http' ? await claimPort(local) : null
      try {
        const keeper = await keepers.take()
        const handle: WorkerHandle = {
          driver: 'process',
          workerId: local.workerId,
          pid: keeper.pid,
          startTime: startTimeOf(keeper.pid) ?? '',
          bootId: options.owner.bootId,
          socketPath: keeper.socketPath,
          directory: local.directory,
          transport: launch.transport,
          path: launch.path,
          relay: launch.relay,
          port,
          address: null,
        }
        const marker: Marker = {
          handle,
          server: local.server,
          session: local.session,
          installation: options.installation,
          store: options.store,
          owner: options.owner,
          nonce: keeper.nonce,
          directory: local.directory,
        }
        const write = (): void =>
          writeFileSync(markerFile(local.workerId), JSON.stringify(marker), { mode: 0o600 })
        write()
        const started = await startServer({ local, port, keeper, signal })
        if (started.ok) {
          handle.address = started.address
          if (started.warning !== null) options.warn(local.server, started.warning)
          write()
        }
        const worker = workerOf(marker, keeper.ended, keeper.kill)
        void worker.exited.then(() => release(port))
        if (started.ok) return worker
        await worker.stop({ graceMs: 0 })
        throw started.error
      } catch (thrown) {
        release(port)
        throw thrown
      }
    },

    async attach(handle) {
      const marker = readMarker(markerFile(handle.workerId))
      if (marker === undefined) return undefined
      const { pid, startTime, bootId } = marker.handle
      if (pid !== handle.pid || startTime !== handle.startTime || bootId !== handle.bootId) {
        return undefined
      }
      const identity = identityOf(marker.handle)
      if (!isAlive(identity)) return undefined
      const client = createKeeperClient(String(marker.handle.socketPath), marker.nonce)
      const there = await client.call('GET', '/keeper/lines').catch(() => undefined)
      if (there?.statusCode !== 200) return undefined
      return workerOf(marker, hasEnded(clock, identity), () =>
        process.kill(identity.pid, 'SIGKILL'),
      )
    },

    async list() {
      const running: WorkerMarker[] = []
      for (const name of readdirSync(markerDir)) {
        const marker = readMarker(join(markerDir, name))
        if (marker === undefined) continue
        const { handle, server, session, installation, store, owner } = marker
        if (isAlive(identityOf(handle))) {
          running.push({ handle, server, session, installation, store, owner })
        } else if (owner.pid !== options.owner.pid || !isAlive(owner)) {
          await clearRemains(handle)
        }
      }
      return running
    },
  }

  /** Of a worker whose keeper is gone: where there was no namespace, processes may be left. */
  async function clearRemains(handle: WorkerHandle): Promise<void> {
    if (!namespace.own) await markedTree(handle.workerId).kill()
    rmSync(markerFile(handle.workerId), { force: true })
    rmSync(String(handle.socketPath), { force: true })
  }

  async function claimPort(spec: LocalSpec): Promise<number> {
    const { port } = spec.launch
    if (port === undefined) return ports.take()
    if (busyPorts.has(port) || !(await isPortFree(port))) {
      throw new GatewayError('ERR_WORKERS_PORT_TAKEN', {
        params: { port, server: spec.server },
        retryAfterSeconds: 10,
      })
    }
    busyPorts.add(port)
    return port
  }

  function release(port: number | null): void {
    if (port !== null) busyPorts.delete(port)
  }

  function workerOf(marker: Marker, keeperEnded: Promise<void>, kill: () => void): Worker {
    const { handle, directory, nonce } = marker
    const socketPath = String(handle.socketPath)
    const client = createKeeperClient(socketPath, nonce)
    let exit: KeeperExit | undefined
    const exited = keeperEnded.then(async (): Promise<WorkerExit> => {
      await clearRemains(handle)
      exit = readExit(exitFile(directory))
      return exit === undefined
        ? { code: null, signal: 'SIGKILL', how: 'its keeper was killed' }
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
        return (
          (answer?.body as string[] | undefined) ?? readExit(exitFile(directory))?.lastLines ?? []
        )
      },
    }
  }
}

type Started =
  { ok: true; address: string | null; warning: string | null } | { ok: false; error: Error }

async function startServer(options: {
  local: LocalSpec
  port: number | null
  keeper: { socketPath: string; nonce: string }
  signal: AbortSignal
}): Promise<Started> {
  const { local, port, keeper, signal } = options
  const { launch } = local
  const fill = (text: string): string =>
    port === null ? text : text.replaceAll('${PORT}', String(port))
  const env = Object.fromEntries(
    Object.entries(local.env).map(([key, value]) => [key, fill(value)]),
  )
  const spec: KeeperSpec = {
    workerId: local.workerId,
    command: fill(launch.command),
    args: launch.args.map(fill),
    cwd: local.cwd,
    env: port === null ? env : { ...env, PORT: String(port) },
    transport: launch.transport,
    port,
    relay: launch.relay,
    outputFile: join(local.directory, 'output.log'),
    outputMaxBytes: local.outputMaxBytes,
    exitFile: exitFile(local.directory),
    startTimeoutMs: local.startTimeoutMs,
  }
  const client = createKeeperClient(keeper.socketPath, keeper.nonce)
  try {
    const { statusCode, body } = await client.call('POST', '/keeper/start', spec, signal)
    if (statusCode === 200) {
      const { address, warning } = body as KeeperStarted
      return { ok: true, address, warning }
    }
    const { code, params, exitCode, signal: killedBy, lastLines } = body as KeeperFailure
    const details = {
      command: launch.shown,
      exitCode,
      signal: killedBy,
      lastLines,
    }
    return {
      ok: false,
      error: new GatewayError(code, { params: { ...params, command: launch.shown }, details }),
    }
  } catch (cause) {
    if (signal.aborted) return { ok: false, error: signal.reason as Error }
    const params = { why: messageOf(cause) }
    return { ok: false, error: new GatewayError('ERR_WORKERS_KEEPER', { params, cause }) }
  }
}

function endpointOf(handle: WorkerHandle, nonce: string): Endpoint {
  const path = String(handle.path)
  const port = Number(handle.port)
  const host = handle.transport === 'stdio' ? 'localhost' : `localhost:${port}`
  if (handle.transport === 'stdio' || handle.relay === true) {
    const headers = { [nonceHeader]: nonce }
    return {
      origin: 'http://localhost',
      socketPath: String(handle.socketPath),
      host,
      path,
      headers,
      ordersStreams: true,
    }
  }
  const address = String(handle.address).includes(':') ? `[${handle.address}]` : handle.address
  return { origin: `http://${address}:${port}`, host, path, headers: {}, ordersStreams: false }
}

function identityOf({ pid, startTime, bootId }: WorkerHandle): ProcessIdentity {
  return { pid: Number(pid), startTime: String(startTime), bootId: String(bootId) }
}

const exitFile = (directory: string): string => join(directory, 'exit.json')

function readExit(file: string): KeeperExit | undefined {
  return readJson(file) as KeeperExit | undefined
}

function readMarker(file: string): Marker | undefined {
  return readJson(file) as Marker | undefined
}

/** Undefined for a file that is missing or half written: both mean that there is nothing to know. */
function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
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
