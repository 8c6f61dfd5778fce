import { randomUUID } from 'node:crypto'

import type { Credentials } from '../auth/credentials.ts'
import type { Authorizers } from '../auth/setup.ts'
import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import type { ListenOnOptions } from '../ground/listener.ts'
import { createListener, listenOn, stopListening } from '../ground/listener.ts'
import { connectionsWithin } from '../ground/room.ts'
import type { AgentcoreDialect } from '../protocols/options.ts'
import { runtimeProtocols } from '../protocols/protocols.ts'
import { createRuntimes } from '../protocols/runtimes.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Quotas } from './quotas.ts'
import type { Server } from '../sessions/server.ts'
import { createGuard } from './guard.ts'
import { openHealthy } from './health.ts'
import type { Inside } from './inner.ts'
import { metadataPlugin } from './metadata.ts'
import type { ListenConfig } from './options.ts'
import { proxyPlugin } from './plugin.ts'

export interface FrontSetup {
  clock: Clock
  events: Events
  sessions: Sessions
  servers: readonly Server[]
  authorizers: Authorizers
  credentials: Credentials
  quotas: Quotas | undefined
  inside: Inside
  listen: ListenConfig
  agentcore: AgentcoreDialect & { bodyLimitBytes: number }
  /** What protected resource metadata names: each server, or the gateway for all. */
  resource: 'server' | 'gateway'
  /** `SessionStore.problem` */
  storeProblem(): Promise<string | undefined>
}

/** The public listener, with the data path behind it. */
export interface Front {
  /** @returns its base, `http://127.0.0.1:8080` @throws ERR_CONFIG_INVALID */
  listen(options: ListenOnOptions): Promise<string>
  /** Another process can listen there from now on; connections live until they are answered. */
  stopListening(): void
  /** From now on `/readyz` sends load balancers elsewhere. */
  drain(): void
  /** Sessions go on without this gateway: clients are to listen to another one … */
  leave(): void
  /** … and what is still in progress here is cut. */
  cut(): void
  /**
   * Starts a server that speaks no MCP once, asks it whether it is healthy, and ends it.
   *
   * @throws what starting a worker throws, ERR_WORKERS_UNHEALTHY
   */
  tryOut(server: Server, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export async function setUpFront(options: FrontSetup): Promise<Front> {
  const { clock, events, sessions, servers, authorizers, credentials, listen, agentcore } = options
  const guard = createGuard({
    ...listen,
    credentialHeaders: [
      ...authorizers.headers,
      ...servers.flatMap(({ credentials: own, requestHeaders = [] }) => [
        ...(own?.clientHeaders ?? []),
        ...requestHeaders,
      ]),
    ],
  })
  const leaving = new AbortController()
  const left = new AbortController()
  let isDraining = false

  const app = createListener({ clock, events, connections: connectionsWithin() })
  app.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    if (isDraining) return reply.code(503).send({ status: 'draining' })
    const reason = await options.storeProblem()
    if (reason === undefined) return reply.send({ status: 'ok' })
    return reply.code(503).send({ status: 'store unavailable', reason })
  })
  await app.register(proxyPlugin, {
    clock,
    events,
    sessions,
    servers,
    bodyLimitBytes: listen.bodyLimitBytes,
    runtimes: {
      protocols: runtimeProtocols(agentcore),
      bodyLimitBytes: agentcore.bodyLimitBytes,
    },
    authorizers,
    credentials,
    quotas: options.quotas,
    inside: options.inside,
    guard,
    listenHost: listen.host,
    leaving: leaving.signal,
    left: left.signal,
  })
  const runtimes = createRuntimes(servers)
  await app.register(metadataPlugin, {
    authorizers,
    guard,
    servers,
    resource: options.resource,
    serverOfRuntime: (named) => runtimes.named(named)?.name,
    basePath: basePathOf(listen.publicUrl),
  })

  return {
    listen: (how) => listenOn(app, listen.host, listen.port, 'listen.port', how),
    stopListening: () => stopListening(app),
    drain: () => void (isDraining = true),
    leave: () => leaving.abort(),
    cut: () => left.abort(),
    async tryOut(server, signal) {
      const what = { server, opener: { principal: 'anonymous' }, name: randomUUID() }
      const session = await openHealthy({ sessions, clock }, what, signal)
      await sessions.close(session, 'stopped')
    },
    close: () => app.close(),
  }
}

const basePathOf = (publicUrl: string | undefined): string =>
  publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/$/, '')
