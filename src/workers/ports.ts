import { createServer } from 'node:net'

import type { Clock } from '../clock.ts'

/** Hands out free loopback ports, none of them twice until `quietMs` after it was given back. */
export interface Ports {
  take(): Promise<number>
  /** To be called when the worker that it was taken for has ended. */
  release(port: number): void
}

/**
 * @param quietMs a replica may remember an ended session's port for a while; until it has
 * forgotten, another session's worker must not be found behind it.
 */
export function createPorts(clock: Clock, quietMs: number): Ports {
  // A worker may take minutes to listen: until then the system believes that the port is free.
  const held = new Set<number>()
  return {
    async take() {
      for (;;) {
        const port = await freePort()
        if (held.has(port)) continue
        held.add(port)
        return port
      }
    },
    release(port) {
      clock.after(quietMs, () => held.delete(port))
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
