import { GatewayError } from '../ground/errors.ts'
import { portTakenAdvice } from './advice.ts'
import type { LocalSpec, WorkerHandle } from './driver.ts'
import type { Ports } from './ports.ts'
import { isPortFree } from './ports.ts'

/**
 * `none`: the server has none. `own`: it is in a network of the worker's own. `free`: one that
 * nobody used. `fixed`: the one that it insists on.
 */
export type PortKind = 'none' | 'own' | 'free' | 'fixed'

export interface ClaimedPort {
  port: number | null
  portKind: PortKind
  /** To be called when the worker has ended, or was not started. */
  release(): void
}

/** The ports of the workers of one driver. */
export interface LocalPorts {
  /** @throws ERR_WORKERS_PORT_TAKEN */
  claim(local: LocalSpec): Promise<ClaimedPort>
  /**
   * Keeps the port of a worker that another gateway has started.
   *
   * @returns to be called when it has ended
   */
  hold(handle: WorkerHandle): () => void
}

/** AgentCore's ports, for a server in a network of its own that names none. */
const usualPort = 8000
const usualPlainPort = 8080

export function createLocalPorts(
  ports: Ports,
  { ownsPorts }: { ownsPorts(local: LocalSpec): boolean },
): LocalPorts {
  const fixed = new Set<number>()
  const nothing = (): void => undefined
  const releaseFree = (port: number) => () => ports.release(port)
  const releaseFixed = (port: number) => () => void fixed.delete(port)

  return {
    async claim(local) {
      const { transport, port, isPlain } = local.launch
      if (transport !== 'http') return { port: null, portKind: 'none', release: nothing }
      if (ownsPorts(local)) {
        const usual = isPlain === true ? usualPlainPort : usualPort
        return { port: port ?? usual, portKind: 'own', release: nothing }
      }
      if (port === undefined) {
        const free = await ports.take()
        return { port: free, portKind: 'free', release: releaseFree(free) }
      }
      const isOurs = fixed.has(port)
      if (!isOurs) {
        // Before the first await: two sessions may start at the same time.
        fixed.add(port)
        if (await isPortFree(port)) return { port, portKind: 'fixed', release: releaseFixed(port) }
        fixed.delete(port)
      }
      throw new GatewayError('ERR_WORKERS_PORT_TAKEN', {
        params: {
          port,
          server: local.server,
          who: isOurs ? 'another session' : 'another program',
          advice: portTakenAdvice(local.launch.origin),
        },
        retryAfterSeconds: 10,
      })
    },

    hold({ port, portKind }) {
      if (typeof port !== 'number') return nothing
      if (portKind === 'free' && ports.hold(port)) return releaseFree(port)
      if (portKind !== 'fixed' || fixed.has(port)) return nothing
      fixed.add(port)
      return releaseFixed(port)
    },
  }
}
