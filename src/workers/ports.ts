import { createServer } from 'node:net'

import type { Clock } from '../clock.ts'

/** Hands out free loopback ports, none of them twice within `quietMs`. */
export interface Ports {
  take(): Promise<number>
}

/**
 * @param quietMs a replica may remember an ended session's port for a while; until it has
 * forgotten, another session's worker must not be found behind it.
 */
export function createPorts(clock: Clock, quietMs: number): Ports {
  const takenAtMs = new Map<number, number>()
  return {
    async take() {
      const nowMs = clock.now()
      for (const [port, atMs] of takenAtMs) if (nowMs - atMs > quietMs) takenAtMs.delete(port)
      for (;;) {
        const port = await freePort()
        if (takenAtMs.has(port)) continue
        takenAtMs.set(port, clock.now())
        return port
      }
    },
  }
}

/** Whether a listener could be put on this loopback port now. */
export function isPortFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  )
}

const freePort = (): Promise<number> => listenOnce(0)

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address()
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      )
    })
  })
}
