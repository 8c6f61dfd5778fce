import { GatewayError } from '../../ground/errors.ts'
import type { RemoteLaunch, Worker, WorkerDriver, WorkerHandle } from '../driver.ts'
import { lettingGo, unstartedWorker } from './unstarted.ts'

/** `remote`: starts nothing and attaches to a URL, which all its sessions share. */
export function createRemoteDriver(options: {
  /** The launch of a configured server, for `attach`: headers are secret and in no handle. */
  launchOf(server: string): RemoteLaunch | undefined
}): WorkerDriver {
  return {
    name: 'remote',
    capabilities: { isolation: 'none', perSession: false, reattach: true, output: false },
    probe: () =>
      Promise.resolve({
        available: true,
        how: 'runs elsewhere; all its sessions share it',
        missing: [],
      }),
    // It is not ours to limit.
    enforcement: () => [],
    start(spec, signal) {
      signal.throwIfAborted()
      if (spec.kind !== 'remote') {
        throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', {
          params: { driver: 'remote', why: `the server ${spec.server} has no url.` },
        })
      }
      return Promise.resolve(
        workerOf({ driver: 'remote', workerId: spec.workerId, server: spec.server }, spec.launch),
      )
    },
    attach(handle) {
      const launch = launchOfHandle(handle)
      return Promise.resolve(launch === undefined ? undefined : workerOf(handle, launch))
    },
    bury: () => Promise.resolve(lettingGo),
    // It leaves no process anywhere, so a sweep has nothing to find.
    list: () => Promise.resolve([]),
  }

  function launchOfHandle(handle: WorkerHandle): RemoteLaunch | undefined {
    return typeof handle.server === 'string' ? options.launchOf(handle.server) : undefined
  }
}

function workerOf(handle: WorkerHandle, launch: RemoteLaunch): Worker {
  const url = new URL(launch.url)
  return unstartedWorker(handle, {
    origin: url.origin,
    host: url.host,
    path: `${url.pathname}${url.search}`,
    headers: launch.headers,
    ordersStreams: false,
  })
}
