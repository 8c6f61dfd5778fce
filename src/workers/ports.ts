import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { createServer } from 'node:net'

import type { Clock } from '../ground/clock.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'

/** Hands out free loopback ports, none of them twice until `quietMs` after it was given back. */
export interface Ports {
  take(): Promise<number>
  /**
   * Keeps the port of a worker that another gateway has started as if it had been taken here.
   *
   * @returns false when it is held here already, by whoever releases it
   */
  hold(port: number): boolean
  /** To be called when the worker that it was taken or held for has ended. */
  release(port: number): void
}

/**
 * Ports that the system gives to nobody by itself, neither to a connection nor to a listener that
 * asks for any: a worker may take minutes to listen, and must find its port as free as it was.
 */
const band = { first: 20_000, last: 32_767 }

/** With fewer to choose from, the system chooses: it knows what is free. */
const fewPorts = 1000

/**
 * @param quietMs a replica may remember an ended session's port for a while; until it has
 * forgotten, another session's worker must not be found behind it.
 */
export function createPorts(clock: Clock, quietMs: number): Ports {
  const held = new Map<number, Server | undefined>()
  const last = Math.min(band.last, firstEphemeral() - 1)
  const choose =
    last - band.first < fewPorts
      ? () => listenOnce(0)
      : () => Promise.resolve(randomInt(band.first, last + 1))
  return {
    async take() {
      for (;;) {
        const port = await choose()
        if (held.has(port)) continue
        // Before the first await: two workers may start at the same time.
        held.set(port, undefined)
        const claim = await claimFor(port)
        if (claim !== undefined && (await isPortFree(port))) {
          held.set(port, claim)
          return port
        }
        claim?.close()
        held.delete(port)
      }
    },
    hold(port) {
      if (held.has(port)) return false
      held.set(port, undefined)
      claimHeld(port)
      return true
    },
    release(port) {
      claimHeld(port)
      clock.after(quietMs, () => {
        held.get(port)?.close()
        held.delete(port)
      })
    },
  }

  /**
   * Of the gateways that know a worker one has the claim, and the others need none: as long as the
   * worker lives, its listening socket keeps everybody off. They try once more when it has ended, so
   * that the port is claimed for the quiet time, though the one that had the claim may be gone.
   */
  function claimHeld(port: number): void {
    if (held.get(port) !== undefined) return
    const claimed = claimFor(port).then((claim) => {
      if (held.has(port) && held.get(port) === undefined) held.set(port, claim)
      else claim?.close()
    })
    inBackground(claimed, tellFault('claiming a port'))
  }
}

/** Whether a listener could be put on this loopback port now. */
export function isPortFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  )
}

/**
 * Keeps other gateways of this machine from handing out the port, too. An abstract socket belongs
 * to a network namespace as a port does, needs no file, and ends with its process.
 *
 * @returns undefined when another gateway has it
 */
function claimFor(port: number): Promise<Server | undefined> {
  const claim = createServer((socket) => socket.destroy()).unref()
  if (process.platform !== 'linux') return Promise.resolve(claim)
  return new Promise((resolve) => {
    claim.once('error', () => resolve(undefined))
    claim.listen({ path: `\0mcp-berth-port-${port}` }, () => resolve(claim))
  })
}

/** The first port that the system gives to whoever asks for any. */
function firstEphemeral(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'))
  } catch {
    // macOS begins with 49152, which RFC 6335 (section 6) has for everybody.
    return 49_152
  }
}

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
