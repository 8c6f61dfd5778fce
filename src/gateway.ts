import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import type { HandoverNews } from './admin/handover.ts'
import { createHandover } from './admin/handover.ts'
import { adminPlugin } from './admin/plugin.ts'
import { askToHandOver, findPredecessor } from './admin/predecessor.ts'
import { localIssuerRoutes } from './admin/routes/local-issuer.ts'
import { createAdminToken } from './auth/admin-token.ts'
import { createCredentials } from './auth/credentials.ts'
import { setUpAuthorizers } from './auth/setup.ts'
import { systemClock } from './ground/clock.ts'
import type { Config } from './config/config.ts'
import { GatewayError } from './ground/errors.ts'
import type { Events } from './ground/events.ts'
import { createEvents } from './ground/events.ts'
import type { GatewayIdentity } from './ground/identity-files.ts'
import { removeIdentities, removeIdentity, writeIdentity } from './ground/identity-files.ts'
import { createListener, listenOn, stopListening } from './ground/listener.ts'
import { startCounting } from './telemetry/counting.ts'
import type { PassedSockets } from './ground/passed-sockets.ts'
import { mcp } from './protocols/mcp.ts'
import { runtimeProtocols } from './protocols/protocols.ts'
import { createRuntimes } from './protocols/runtimes.ts'
import { createGuard } from './proxy/guard.ts'
import { openHealthy } from './proxy/health.ts'
import { metadataPlugin } from './proxy/metadata.ts'
import { proxyPlugin } from './proxy/plugin.ts'
import { sayGoodbye } from './proxy/upstreams.ts'
import { createSessionDirectories } from './sessions/directories.ts'
import { followWorkers } from './sessions/follow.ts'
import { createSessions } from './sessions/manager.ts'
import { keepRetention } from './sessions/retention.ts'
import type { Server } from './sessions/server.ts'
import { openStore } from './sessions/stores/index.ts'
import type { examineMachine as Examine } from './workers/doctor.ts'
import type { Probe } from './workers/driver.ts'
import {
  hostOf,
  installationOf,
  isAlive,
  ownIdentity,
  ownPidNamespace,
} from './workers/identity.ts'
import type { SetLimit } from './workers/limits/enforcement.ts'
import { withValues } from './workers/limits/enforcement.ts'
import { adviceForMissing, findMissing } from './workers/missing.ts'
import { setUpWorkers } from './workers/setup.ts'
import { createSupervisor } from './workers/supervisor.ts'

export { adviceForMissing, findAllMissing } from './workers/missing.ts'

/** What this machine can do; loaded when somebody wants to know. */
export const examineMachine: typeof Examine = async (options) =>
  (await import('./workers/doctor.ts')).examineMachine(options)

/** A gateway that runs: the composition root, and the only file that names every room. */
export interface Gateway {
  /** Base of the public listener, `http://127.0.0.1:8080`. */
  url: string
  adminUrl: string
  events: Events
  /** How each server will be isolated here. */
  probes: ReadonlyMap<string, Probe>
  /** The limits of each server, and what enforces them here. */
  enforcements: ReadonlyMap<string, SetLimit[]>
  /** The gateway that this one has taken over from. */
  predecessor: HandoverNews | undefined
  /** Settles when a newer gateway has taken over: this one has to be closed. */
  handedOver: Promise<HandoverNews>
  /**
   * Starts a server that speaks no MCP once, asks it whether it is healthy, and ends it.
   *
   * @throws what starting a worker throws, ERR_WORKERS_UNHEALTHY
   */
  tryOut(server: Server, signal: AbortSignal): Promise<void>
  /** Drains, ends every worker, and lets go of everything. Idempotent. */
  close(options?: { drainMs: number }): Promise<void>
}

const takeoverWaitMs = 15_000

export interface GatewayOptions {
  /** Without news for so long a host is lost. Default 15 000. */
  lostAfterMs?: number
  /** How many keepers are started ahead of the sessions that need them. Default 1. */
  spareKeepers?: number
  /** Whether what workers write comes as `worker.output` events too, for a terminal. */
  followsOutput?: boolean
  /** Listened on instead of the configured addresses. */
  sockets?: PassedSockets
  /** Whether it asks the gateway that listens on its port to hand over, and waits for the port. */
  takeover?: boolean
  /** Called before anything happens, so that no event is missed. */
  onEvents?: (events: Events) => void
}

/** @throws ERR_CONFIG_INVALID when an address cannot be listened on */
export async function startGateway(
  config: Config,
  { followsOutput = false, sockets = {}, takeover = false, ...options }: GatewayOptions = {},
): Promise<Gateway> {
  const clock = systemClock
  const events = createEvents()
  options.onEvents?.(events)
  const { stateDir, servers, listen } = config
  for (const name of ['', 'sessions', 'workers', 'gateways']) {
    mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 })
  }
  const owner = ownIdentity()
  const installation = installationOf(stateDir)
  const store = await openStore(config.store, { clock })
  const workers = await setUpWorkers({
    clock,
    stateDir,
    installation,
    store: store.name,
    owner,
    workersOutlive: store.isShared,
    searchPath: config.searchPath,
    launches: servers.map(({ launch }) => launch),
    wanted: servers.map(({ driver }) => driver),
    spareKeepers: options.spareKeepers ?? 1,
    remoteLaunchOf: (name) => remoteLaunchOf(servers, name),
    warn: (server, message) => events.emit('operator.warned', { server, message }),
  })
  const supervisor = createSupervisor({ clock, events, drivers: workers.drivers, owner })
  const directories = createSessionDirectories(join(stateDir, 'sessions'), config.retention)
  const sessions = createSessions({
    clock,
    events,
    store,
    supervisor,
    directories,
    caps: config.caps,
    host: hostOf(stateDir),
    owner: `${owner.bootId}.${owner.pid}.${owner.startTime}`,
    installation,
    servers,
    outputMaxBytes: config.retention.logFileBytes,
    goodbye: (session) => sayGoodbye(session, mcp),
    ...(options.lostAfterMs === undefined ? {} : { lostAfterMs: options.lostAfterMs }),
  })
  // Under a shared store the workers are looked for by their sessions, and swept later.
  const swept = store.isShared
    ? 0
    : await supervisor.sweep({ installation, store: store.name, graceMs: 1000 })
  if (swept > 0) {
    events.emit('operator.warned', {
      message: `Ended ${swept} worker(s) that an earlier gateway had left behind.`,
    })
  }

  if (followsOutput) followWorkers(events, directories)

  const guard = createGuard({
    ...listen,
    credentialHeaders: servers.flatMap(({ credentials }) => credentials?.clientHeaders ?? []),
  })
  const credentials = createCredentials({
    clock,
    secrets: config.secrets,
    warn: (server, message) => events.emit('operator.warned', { server, message }),
  })
  const authorizers = await setUpAuthorizers({
    clock,
    config: config.authorization,
    stateDir,
    warn: (message) => events.emit('operator.warned', { message }),
    onExamined: (provider) => events.emit('token.examined', { provider }),
  })
  const counting = startCounting(
    clock,
    events,
    servers.map(({ name }) => name),
  )
  const probes = new Map<string, Probe>()
  const enforcements = new Map<string, SetLimit[]>()
  const leaving = new AbortController()
  const left = new AbortController()
  let isDraining = false

  const runtimes = createRuntimes(servers)
  const front = createListener()
  front.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }))
  front.get('/readyz', (_request, reply) => {
    const status = isDraining ? 'draining' : store.isAvailable() ? 'ok' : 'store unreachable'
    return reply.code(status === 'ok' ? 200 : 503).send({ status })
  })
  await front.register(proxyPlugin, {
    clock,
    events,
    sessions,
    servers,
    bodyLimitBytes: listen.bodyLimitBytes,
    runtimes: {
      protocols: runtimeProtocols(config.agentcore),
      bodyLimitBytes: config.agentcore.bodyLimitBytes,
    },
    authorizers,
    credentials,
    guard,
    listenHost: listen.host,
    leaving: leaving.signal,
    left: left.signal,
  })
  await front.register(metadataPlugin, {
    authorizers,
    guard,
    servers,
    resource: config.authorization.resource,
    serverOfRuntime: (named) => runtimes.named(named)?.name,
    basePath:
      listen.publicUrl === undefined ? '' : new URL(listen.publicUrl).pathname.replace(/\/$/, ''),
  })

  const back = createListener()
  const token = createAdminToken()
  const adminGuard = createGuard({
    host: config.admin.host,
    publicUrl: undefined,
    allowedHosts: [],
    allowedOrigins: [],
  })
  await back.register(localIssuerRoutes, { stateDir, check: adminGuard.check })
  const identities = join(stateDir, 'gateways')
  const leaveAddresses = (): void => {
    for (const app of [front, back]) stopListening(app)
    removeIdentity(identities, owner.pid)
  }
  const handover = createHandover({
    stopListening: leaveAddresses,
    openExchanges: () => sessions.list().reduce((sum, { carried }) => sum + carried, 0),
  })
  await back.register(adminPlugin, {
    token,
    handover,
    sessions,
    directories,
    limitsOf: (server) => enforcements.get(server) ?? [],
    check: adminGuard.check,
    metrics: counting.read,
  })

  const retention = keepRetention({ clock, sessions, directories })

  /** What a server asks for and cannot have is said now, and not to its first client. */
  async function check(server: Server): Promise<Probe> {
    const { probe, problems } = await findMissing(server, supervisor)
    if (problems.length === 0) return probe
    throw new GatewayError('ERR_CONFIG_INVALID', {
      params: { problems: [...problems, adviceForMissing].join('\n') },
    })
  }

  function sayThatItWaits(port: number): void {
    events.emit('operator.warned', {
      message: `Port ${port} is in use; trying again for ${takeoverWaitMs / 1000} s.`,
    })
  }

  let closing: Promise<void> | undefined
  const close = async (drainMs: number): Promise<void> => {
    isDraining = true
    // What comes for sessions that end with this gateway can be answered by nobody else.
    if (store.isShared) {
      leaveAddresses()
      leaving.abort()
    }
    await sessions.drain(drainMs)
    if (store.isShared) left.abort()
    retention.cancel()
    counting.stop()
    await Promise.all([front.close(), back.close()])
    await workers.close()
    await store.close()
    removeIdentity(identities, owner.pid)
  }

  try {
    for (const server of servers) {
      const { name, driver, launch } = server
      probes.set(name, await check(server))
      enforcements.set(name, withValues(launch, supervisor.enforcement(driver, launch)))
    }
    await sessions.enter()
    // Who starts after a gateway that was killed serves first what is asked for, and then looks for
    // the rest; who takes over has time to get ready.
    if (takeover) await sessions.join()
    const found = { folder: identities, port: listen.port, isAlive }
    const old = takeover ? findPredecessor(found) : undefined
    const predecessor = old === undefined ? undefined : await askToHandOver(old)
    const { host, port } = config.admin
    const patience = { waitMs: takeover ? takeoverWaitMs : 0, onBusy: sayThatItWaits }
    const url = await listenOn(front, listen.host, listen.port, 'listen.port', {
      ...patience,
      passed: sockets.public,
    })
    const adminUrl = await listenOn(back, host, port, 'admin.port', {
      ...patience,
      passed: sockets.admin,
    })
    const pidNamespace = ownPidNamespace()
    const place = { url, adminUrl, token: token.value }
    const shared = store.isShared ? { sharedStore: store.name } : {}
    writeIdentity(identities, { ...owner, pidNamespace, ...place, ...shared })
    // Pids of another boot or another container mean nothing here; who had our address is gone.
    const isHere = (other: GatewayIdentity): boolean =>
      other.adminUrl === adminUrl ||
      (other.bootId === owner.bootId && other.pidNamespace === pidNamespace)
    removeIdentities(identities, (other) => isHere(other) && !isAlive(other))
    return {
      url,
      adminUrl,
      events,
      probes,
      enforcements,
      predecessor,
      handedOver: handover.done,
      async tryOut(server, signal) {
        const what = { server, opener: { principal: 'anonymous' }, name: randomUUID() }
        const session = await openHealthy({ sessions, clock }, what, signal)
        await sessions.close(session, 'stopped')
      },
      close: (options) => (closing ??= close(options?.drainMs ?? config.drainMs)),
    }
  } catch (thrown) {
    await close(0)
    throw thrown
  }
}

function remoteLaunchOf(servers: readonly Server[], name: string) {
  const launch = servers.find((server) => server.name === name)?.launch
  return launch?.kind === 'remote' ? launch : undefined
}
