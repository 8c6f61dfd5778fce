import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events, WorkerNews } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { createSharedWork } from '../ground/shared-work.ts'
import type {
  Enforcement,
  Probe,
  ProcessIdentity,
  Worker,
  WorkerDriver,
  WorkerExit,
  WorkerHandle,
  WorkerMarker,
  WorkerSpec,
} from './driver.ts'
import { shownPid } from './driver.ts'
import { isAlive } from './identity.ts'
import { isSame } from './process-handle.ts'
import { createUnused } from './unused.ts'

/** Starts, finds and sweeps workers, whatever their driver. */
export interface Supervisor {
  /** @throws ERR_WORKERS_DRIVER_UNAVAILABLE and what `WorkerDriver.start` throws */
  start(driver: string, spec: WorkerSpec, signal: AbortSignal): Promise<Worker>
  /**
   * Finds a worker that another gateway process has started, and tells of its end as of one's own.
   * One that was found before is given again.
   *
   * @param names what the record says of it, for the news
   */
  attach(
    handle: WorkerHandle,
    names: { session: string; server: string },
  ): Promise<Worker | undefined>
  /** Clears away what is left of a worker that `attach` did not find; tells how it ended. */
  bury(handle: WorkerHandle): Promise<WorkerExit>
  /**
   * The workers of this installation that run on this host for this store, whoever owns them. Those
   * that are `isWarm` have an owner that runs, and are to be left to it.
   */
  list(options: { installation: string; store: string }): Promise<WorkerMarker[]>
  /** Whether that driver can run here, or that server with it. */
  probe(driver: string, launch?: WorkerSpec['launch']): Promise<Probe>
  /** What enforces the limits of a server here. */
  enforcement(driver: string, launch: WorkerSpec['launch']): Enforcement[]
  /**
   * Ends the workers that a gateway of this installation left behind. Only those whose owner
   * process no longer exists: a second gateway beside this one keeps its own.
   *
   * @returns how many were ended
   */
  sweep(options: { installation: string; store: string; graceMs: number }): Promise<number>
}

export interface SupervisorOptions {
  clock: Clock
  events: Events
  drivers: ReadonlyMap<string, WorkerDriver>
  owner: ProcessIdentity
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, events, drivers, owner } = options
  const driverNamed = (name: string): WorkerDriver => {
    const driver = drivers.get(name)
    if (driver !== undefined) return driver
    throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', {
      params: { driver: name, why: `there are ${[...drivers.keys()].join(', ')}.` },
    })
  }

  /** Those that are seen through to their end here, each by one connection and told of once. */
  const running = new Map<string, Worker>()
  const share = createSharedWork<string, Worker | undefined>()
  const unused = createUnused(events)
  const seeThrough = (worker: Worker, news: WorkerNews): void => {
    // A driver that starts nothing hears of no end either.
    if (driverNamed(news.driver).capabilities.perSession) running.set(news.workerId, worker)
    const exited = worker.exited.then((exit) => {
      running.delete(news.workerId)
      events.emit('worker.exited', { ...news, ...exit, ...unused.take(news.workerId) })
    })
    inBackground(exited, tellFault('the end of a worker', news))
  }

  return {
    async start(name, spec, signal) {
      const driver = driverNamed(name)
      const probe = await driver.probe(spec.launch)
      if (!probe.available) {
        throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', {
          params: { driver: name, why: probe.why },
        })
      }
      const beganAtMs = clock.now()
      const worker = await driver.start(spec, signal)
      const { session, server, workerId } = spec
      const news = { session, server, workerId, driver: name }
      const pid = shownPid(worker.handle)
      const startMs = clock.now() - beganAtMs
      const isWarm = 'isWarm' in spec
      if (isWarm) unused.add(workerId)
      const warm = isWarm ? { warm: true as const } : {}
      events.emit('worker.started', { ...news, pid, startMs, ...warm })
      seeThrough(worker, news)
      return worker
    },

    async attach(handle, { session, server }) {
      const { driver, workerId } = handle
      const known = running.get(workerId)
      if (known !== undefined && isSame(known.handle, handle)) return known
      return share(workerId, async () => {
        const worker = await driverNamed(driver).attach(handle)
        if (worker === undefined) return undefined
        const news = { session, server, workerId, driver }
        events.emit('worker.attached', news)
        seeThrough(worker, news)
        return worker
      })
    },

    bury: (handle) => driverNamed(handle.driver).bury(handle),

    async list({ installation, store }) {
      const all = await Promise.all([...drivers.values()].map((driver) => driver.list()))
      return all
        .flat()
        .filter((marker) => marker.installation === installation && marker.store === store)
        .map(({ isWarm, ...marker }) =>
          isWarm === true && isAlive(marker.owner) ? { ...marker, isWarm } : marker,
        )
    },

    probe: (name, launch) => driverNamed(name).probe(launch),

    enforcement: (name, launch) => driverNamed(name).enforcement(launch),

    async sweep({ installation, store, graceMs }) {
      const end = async (driver: WorkerDriver, marker: WorkerMarker): Promise<number> => {
        const ours = marker.installation === installation && marker.store === store
        const isOwn = marker.owner.pid === owner.pid && marker.owner.startTime === owner.startTime
        if (!ours || isOwn || isAlive(marker.owner)) return 0
        const worker = await driver.attach(marker.handle)
        if (worker === undefined) {
          // It was about to end with its gateway, or had not become ready.
          await driver.bury(marker.handle)
          return 0
        }
        await worker.stop({ graceMs })
        return 1
      }
      const ended = [...drivers.values()].map(async (driver) => {
        const markers = await driver.list()
        return Promise.all(markers.map((marker) => end(driver, marker)))
      })
      return (await Promise.all(ended)).flat().reduce((sum, count) => sum + count, 0)
    },
  }
}
