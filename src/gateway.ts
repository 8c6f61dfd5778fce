import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { FastifyInstance } from 'fastify'
import { fastify } from 'fastify'

import { adminPlugin } from './admin/plugin.ts'
import { localIssuerRoutes } from './admin/routes/local-issuer.ts'
import { createAdminToken } from './auth/admin-token.ts'
import { setUpAuthorizers } from './auth/setup.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { GatewayError, messageOf } from './errors.ts'
import type { Events } from './events.ts'
import { createEvents } from './events.ts'
import { createMetrics } from './metrics/catalogue.ts'
import { mcp } from './protocols/mcp.ts'
import { createGuard } from './proxy/guard.ts'
import { metadataPlugin } from './proxy/metadata.ts'
import { proxyPlugin } from './proxy/plugin.ts'
import { sayGoodbye } from './proxy/upstreams.ts'
import type { SessionDirectories } from './sessions/directories.ts'
import { createSessionDirectories } from './sessions/directories.ts'
import { createSessions } from './sessions/manager.ts'
import { followOutput } from './sessions/output.ts'
import type { Server } from './sessions/server.ts'
import { createMemoryStore } from './sessions/stores/memory.ts'
import type { Probe } from './workers/driver.ts'
import { hostOf, ownIdentity } from './workers/identity.ts'
import type { SetLimit } from './workers/limits/enforcement.ts'
import { withValues } from './workers/limits/enforcement.ts'
import { adviceForMissing, findMissing } from './workers/missing.ts'
import { setUpWorkers } from './workers/setup.ts'
import { createSupervisor } from './workers/supervisor.ts'

export { examineMachine } from './workers/doctor.ts'
export { adviceForMissing, findAllMissing } from './workers/missing.ts'

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
  /** Drains, ends every worker, and lets go of everything. Idempotent. */
  close(options?: { drainMs: number }): Promise<void>
}

const retentionSweepMs = 10 * 60 * 1000

export interface GatewayOptions {
  /** Whether what workers write comes as `worker.output` events too, for a terminal. */
  followsOutput?: boolean
  /** Called before anything happens, so that no event is missed. */
  onEvents?: (events: Events) => void
}

/** @throws ERR_CONFIG_INVALID when an address cannot be listened on */
export async function startGateway(
  config: Config,
  { followsOutput = false, onEvents }: GatewayOptions = {},
): Promise<Gateway> {
  const clock = systemClock
  const events = createEvents()
  onEvents?.(events)
  const { stateDir, servers, listen } = config
  for (const name of ['', 'sessions', 'workers', 'gateways']) {
    mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 })
  }
  const owner = ownIdentity()
  const installation = installationOf(stateDir)
  const store = createMemoryStore({ clock })
  const workers = await setUpWorkers({
    clock,
    stateDir,
    installation,
    store: store.name,
    owner,
    searchPath: config.searchPath,
    launches: servers.map(({ launch }) => launch),
    wanted: servers.map(({ driver }) => driver),
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
    owner: `${owner.bootId}.${owner.pid}`,
    outputMaxBytes: config.retention.logFileBytes,
    goodbye: (session) => sayGoodbye(session, mcp),
  })
  const swept = await supervisor.sweep({ installation, store: store.name, graceMs: 1000 })
  if (swept > 0) {
    events.emit('operator.warned', {
      message: `Ended ${swept} worker(s) that an earlier gateway had left behind.`,
    })
  }

  if (followsOutput) followWorkers(events, directories)

  const guard = createGuard(listen)
  const authorizers = setUpAuthorizers({
    clock,
    config: config.authorization,
    stateDir,
    warn: (message) => events.emit('operator.warned', { message }),
    onExamined: (provider) => events.emit('token.examined', { provider }),
  })
  const metrics = createMetrics(
    events,
    servers.map(({ name }) => name),
  )
  const probes = new Map<string, Probe>()
  const enforcements = new Map<string, SetLimit[]>()
  let isDraining = false

  const front = createListener()
  front.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }))
  front.get('/readyz', (_request, reply) =>
    reply.code(isDraining ? 503 : 200).send({ status: isDraining ? 'draining' : 'ok' }),
  )
  await front.register(proxyPlugin, {
    clock,
    events,
    sessions,
    servers,
    protocol: mcp,
    authorizers,
    guard,
    bodyLimitBytes: listen.bodyLimitBytes,
    listenHost: listen.host,
  })
  await front.register(metadataPlugin, {
    authorizers,
    guard,
    servers,
    resource: config.authorization.resource,
    serverOfRuntime: (id) => servers.find(({ name }) => name === id)?.name,
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
  await back.register(adminPlugin, {
    token,
    sessions,
    directories,
    limitsOf: (server) => enforcements.get(server) ?? [],
    check: adminGuard.check,
    metrics: async () => ({
      type: metrics.registry.contentType,
      text: await metrics.registry.metrics(),
    }),
  })

  const retention = clock.every(retentionSweepMs, () => void sweepDirectories())
  void sweepDirectories()
  async function sweepDirectories(): Promise<void> {
    const open = new Set(sessions.list().map(({ handle }) => handle))
    await directories.sweep(open, clock.now())
  }

  /** What a server asks for and cannot have is said now, and not to its first client. */
  async function check(server: Server): Promise<Probe> {
    const { probe, problems } = await findMissing(server, supervisor)
    if (problems.length === 0) return probe
    throw new GatewayError('ERR_CONFIG_INVALID', {
      params: { problems: [...problems, adviceForMissing].join('\n') },
    })
  }

  let closing: Promise<void> | undefined
  const identityFile = join(stateDir, 'gateways', `${process.pid}.json`)
  const close = async (drainMs: number): Promise<void> => {
    isDraining = true
    await sessions.drain(drainMs)
    retention.cancel()
    await Promise.all([front.close(), back.close()])
    await workers.close()
    await store.close()
    rmSync(identityFile, { force: true })
  }

  try {
    const url = await listenOn(front, listen.host, listen.port, 'listen.port')
    const adminUrl = await listenOn(back, config.admin.host, config.admin.port, 'admin.port')
    const identity = { ...owner, url, adminUrl, token: token.value, file: config.file ?? null }
    writeFileSync(identityFile, JSON.stringify(identity), { mode: 0o600 })
    for (const server of servers) {
      const { name, driver, launch } = server
      probes.set(name, await check(server))
      enforcements.set(name, withValues(launch, supervisor.enforcement(driver, launch)))
    }
    return {
      url,
      adminUrl,
      events,
      probes,
      enforcements,
      close: (options) => (closing ??= close(options?.drainMs ?? config.drainMs)),
    }
  } catch (thrown) {
    await close(0)
    throw thrown
  }
}

/** Reads what each worker writes until it has ended. */
function followWorkers(events: Events, directories: SessionDirectories): void {
  const following = new Map<string, AbortController>()
  events.on('worker.started', ({ session, server, workerId, driver }) => {
    const until = new AbortController()
    following.set(workerId, until)
    void followOutput({
      file: directories.of(session).outputFile,
      lines: 1000,
      until: until.signal,
      onLine: (line) => events.emit('worker.output', { session, server, workerId, driver, line }),
    })
  })
  events.on('worker.exited', ({ workerId }) => {
    following.get(workerId)?.abort()
    following.delete(workerId)
  })
}

/** A token that is far too large is refused by name, not by the parser. */
const maxHeaderBytes = 128 * 1024

/** TCP keep-alive lets a vanished laptop be noticed; an answer may take as long as it takes. */
function createListener(): FastifyInstance {
  const prefix = randomBytes(4).toString('hex')
  let count = 0
  return fastify({
    logger: false,
    routerOptions: { maxParamLength: 2048 },
    genReqId: () => `${prefix}-${(count += 1).toString(36)}`,
    requestIdHeader: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    http: { keepAlive: true, keepAliveInitialDelay: 30_000, maxHeaderSize: maxHeaderBytes },
  })
}

async function listenOn(
  app: FastifyInstance,
  host: string,
  port: number,
  key: string,
): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const why = isTaken
      ? `port ${port} is in use already. Stop what uses it, or choose another with --${key.replace('.', '-')} (0 takes a free one)`
      : messageOf(cause)
    throw new GatewayError('ERR_CONFIG_INVALID', {
      params: { problems: `${key}: cannot listen on ${host}:${port}: ${why}.` },
      cause,
    })
  }
  const [address] = app.addresses()
  const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host
  const name = shown.includes(':') && !shown.startsWith('[') ? `[${shown}]` : shown
  return `http://${name}:${typeof address === 'object' ? address.port : port}`
}

function remoteLaunchOf(servers: readonly Server[], name: string) {
  const launch = servers.find((server) => server.name === name)?.launch
  return launch?.kind === 'remote' ? launch : undefined
}

/** A random name of this state directory, so that a sweep never ends what belongs to another. */
function installationOf(stateDir: string): string {
  const file = join(stateDir, 'installation')
  try {
    writeFileSync(file, randomBytes(16).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch {
    // It has one already; what cannot be written cannot be read either, and says so below.
  }
  return readFileSync(file, 'utf8')
}
