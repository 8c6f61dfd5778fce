import { GatewayError } from '../../ground/errors.ts'
import type { WorkerDriver, WorkerHandle } from '../driver.ts'
import { lettingGo, unstartedWorker } from './unstarted.ts'

/**
 * `inside`: the worker is a part of the gateway. It starts no process and nothing is left of it, so
 * every gateway of a store can go on with its sessions.
 */
export function createInsideDriver(): WorkerDriver {
  return {
    name: 'inside',
    capabilities: { isolation: 'none', perSession: false, reattach: true, output: false },
    probe: () =>
      Promise.resolve({
        available: true,
        how: 'inside the gateway; each of its servers has its own isolation',
        missing: [],
      }),
    enforcement: () => [],
    start({ kind, server, workerId }, signal) {
      signal.throwIfAborted()
      if (kind !== 'inside') {
        throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', {
          params: { driver: 'inside', why: `the server ${server} is no bundle.` },
        })
      }
      return Promise.resolve(unstartedWorker({ driver: 'inside', workerId, server }, nowhere))
    },
    attach: (handle: WorkerHandle) => Promise.resolve(unstartedWorker(handle, nowhere)),
    bury: () => Promise.resolve(lettingGo),
    list: () => Promise.resolve([]),
  }
}

/** No request ever goes there: what is inside the gateway is called, and not connected to. */
const nowhere = {
  origin: 'http://inside.invalid',
  host: 'inside.invalid',
  path: '/mcp',
  headers: {},
  ordersStreams: false,
} as const
