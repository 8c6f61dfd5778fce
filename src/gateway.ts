import type { HandoverNews } from './admin/handover.ts'
import { setUpBack } from './admin/setup.ts'
import { setUpAuth } from './auth/setup.ts'
import { setUpBundles } from './bundle/bundles.ts'
import type { Config } from './config/config.ts'
import type { Clock } from './ground/clock.ts'
import { systemClock } from './ground/clock.ts'
import type { Events } from './ground/events.ts'
import { createEvents, faultNews } from './ground/events.ts'
import { onFaults } from './ground/guarded.ts'
import type { PassedSockets } from './ground/passed-sockets.ts'
import { openStateDir } from './ground/state-dir.ts'
import { createTeardown } from './ground/teardown.ts'
import { mcp } from './protocols/mcp.ts'
import { createHostCheck } from './proxy/guard.ts'
import type { Front } from './proxy/setup.ts'
import { setUpFront } from './proxy/setup.ts'
import { sayGoodbye } from './proxy/goodbye.ts'
import { createQuotas } from './proxy/quotas.ts'
import { setUpSessions } from './sessions/setup.ts'
import { openStore } from './sessions/stores/index.ts'
import { startCounting } from './telemetry/counting.ts'
import type { examineMachine as Examine } from './workers/doctor.ts'
import { isAlive, ownPidNamespace, ownPlace } from './workers/identity.ts'
import type { ReadFreeMemory } from './workers/limits/free-memory.ts'
import { setUpWorkers } from './workers/setup.ts'
import type { Examined } from './workers/wishes.ts'

export { keysFor, ownNetwork, shownKeys } from './workers/advice.ts'
export type { ListensElsewhere } from './workers/driver.ts'
export { findAllMissing, findSandboxFor } from './workers/missing.ts'
export { adviceForMissing } from './workers/wishes.ts'

/** What this machine can do; loaded when somebody wants to know. */
export const examineMachine: typeof Examine = async (options) =>
  (await import('./workers/doctor.ts')).examineMachine(options)

/** A gateway that runs: the composition root, and the only file that names every room. */
export interface Gateway extends Examined, Pick<Front, 'tryOut'> {
  /** Base of the public listener, `http://127.0.0.1:8080`. */
  url: string
  adminUrl: string
  events: Events
  /** The gateway that this one has taken over from. */
  predecessor: HandoverNews | undefined
  /** Settles when a newer gateway has taken over: this one has to be closed. */
  handedOver: Promise<HandoverNews>
  /** Drains, ends every worker, and lets go of everything. Idempotent. */
  close(options?: { drainMs: number }): Promise<void>
}

export interface GatewayOptions {
  /** Time for all that is measured here. Default: the system's. */
  clock?: Clock
  /** Without news for so long a host is lost. Default 15 000. */
  lostAfterMs?: number
  /** Default: what the system tells. */
  freeMemory?: ReadFreeMemory
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

const takeoverWaitMs = 15_000

/** @throws ERR_CONFIG_INVALID when the machine cannot do what is configured, or an address is taken */
export async function startGateway(
  config: Config,
  { sockets = {}, takeover = false, ...options }: GatewayOptions = {},
): Promise<Gateway> {
  const { stateDir, servers } = config
  const events = createEvents()
  options.onEvents?.(events)
  const dangers = openStateDir(stateDir)
  for (const message of dangers) events.emit('operator.warned', { message })
  const place = ownPlace(stateDir)
  const here = { clock: options.clock ?? systemClock, events, stateDir, place, servers }
  const down = createTeardown<number>()
  down.add(onFaults((fault) => events.emit('fault.caught', faultNews('guarded', fault))))

  try {
    const store = await openStore(config.store, { ...here, lostAfterMs: options.lostAfterMs })
    down.add(store.close)

    const workers = await setUpWorkers({
      ...here,
      store: store.name,
      workersOutlive: store.isShared,
      searchPath: config.searchPath,
      spareKeepers: options.spareKeepers ?? 1,
      ports: { range: config.workerPorts, leaveOut: [config.listen.port, config.admin.port] },
    })
    down.add(workers.close)
    // Under a shared store the workers are looked for by their sessions, and swept later.
    if (!store.isShared) await workers.endLeftBehind()

    const { sessions, directories, stop } = setUpSessions({
      ...here,
      store,
      supervisor: workers.supervisor,
      caps: config.caps,
      freeMemory: options.freeMemory,
      retention: config.retention,
      followsOutput: options.followsOutput ?? false,
      lostAfterMs: options.lostAfterMs,
      goodbye: (session) => sayGoodbye(session, mcp),
    })
    down.add(stop)

    const counting = startCounting(here)
    down.add(counting.stop)

    const { authorization, secrets } = config
    const auth = await setUpAuth({ ...here, authorization, secrets })

    const front = await setUpFront({
      ...here,
      ...auth,
      sessions,
      quotas: config.quotas && createQuotas({ ...here, store, quotas: config.quotas }),
      inside: setUpBundles({ ...here, sessions, bundles: config.bundles }),
      listen: config.listen,
      agentcore: config.agentcore,
      resource: authorization.resource,
      storeProblem: store.problem,
    })
    down.add(front.close)

    const examined = await workers.examine(servers)
    const back = await setUpBack({
      ...here,
      ...config.admin,
      sessions,
      directories,
      self: {
        ...place.owner,
        pidNamespace: ownPidNamespace(),
        ...(store.isShared ? { sharedStore: store.name } : {}),
      },
      publicPort: config.listen.port,
      isAlive,
      limitsOf: (server) => examined.enforcements.get(server) ?? [],
      check: createHostCheck(config.admin.host),
      metrics: counting.read,
      stopListening: front.stopListening,
    })
    down.add(back.close)

    down.add(async (drainMs) => {
      front.drain()
      // What comes for sessions that end with this gateway can be answered by nobody else.
      if (store.isShared) {
        back.withdraw()
        front.leave()
      }
      await sessions.drain(drainMs)
      if (store.isShared) front.cut()
    })

    await sessions.enter()
    // Who starts after a gateway that was killed serves first what is asked for, and then looks for
    // the rest; who takes over has time to get ready.
    if (takeover) await sessions.join()
    const predecessor = takeover ? await back.takeOver() : undefined
    const patience = {
      waitMs: takeover ? takeoverWaitMs : 0,
      onBusy: (port: number) =>
        events.emit('operator.warned', {
          message: `Port ${port} is in use; trying again for ${takeoverWaitMs / 1000} s.`,
        }),
    }
    const url = await front.listen({ ...patience, passed: sockets.public })
    const adminUrl = await back.listen({ ...patience, passed: sockets.admin })
    back.announce({ url, adminUrl })
    sessions.warm.begin()

    return {
      url,
      adminUrl,
      events,
      ...examined,
      predecessor,
      handedOver: back.handedOver,
      tryOut: front.tryOut,
      close: (how) => down.run(how?.drainMs ?? config.drainMs),
    }
  } catch (thrown) {
    await down.run(0)
    throw thrown
  }
}
