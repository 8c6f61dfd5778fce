import { randomInt } from 'node:crypto'
import type { Server } from 'node:net'
import { createServer } from 'node:net'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { codeOf } from './limits/cgroup-files.ts'
import type { PortWish } from './port-choice.ts'
import { portsToDraw } from './port-choice.ts'
import { showPortRange } from '../ground/port-range.ts'
import type { SystemPorts } from '../ground/system-ports.ts'
import { findSystemPorts } from '../ground/system-ports.ts'

/** Hands out free loopback ports, none of them twice until `quietMs` after it was given back. */
export interface Ports {
  /** @throws ERR_WORKERS_NO_PORT */
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
 * @param quietMs a replica may remember an ended session's port for a while; until it has
 * forgotten, another session's worker must not be found behind it.
 */
export function createPorts(
  clock: Clock,
  quietMs: number,
  { system = findSystemPorts(), ...wish }: PortWish & { system?: SystemPorts } = {},
): Ports {
  const held = new Map<number, Server | undefined>()
  const lists = portsToDraw(wish, system)
  return {
    async take() {
      if (lists.length === 0) return takeOfSystem()
      for (const list of lists) {
        const start = randomInt(list.length)
        for (const port of [...list.slice(start), ...list.slice(0, start)]) {
          if (!held.has(port) && (await claim(port))) return port
        }
      }
      throw noPort()
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

  /** @returns whether nobody else had the port or used it: then it is held */
  async function claim(port: number): Promise<boolean> {
    if (held.has(port)) return false
    // Before the first await: two workers may start at the same time.
    held.set(port, undefined)
    const claimed = await claimFor(port)
    if (claimed !== undefined && (await isPortUnused(port))) {
      held.set(port, claimed)
      return true
    }
    claimed?.close()
    held.delete(port)
    return false
  }

  async function takeOfSystem(): Promise<number> {
    for (;;) {
      const port = await listenOnce(0)
      if (await claim(port)) return port
    }
  }

  function noPort(): GatewayError {
    const { range } = wish
    const which = range === undefined ? '' : ` of workerPorts (${showPortRange(range)})`
    return new GatewayError('ERR_WORKERS_NO_PORT', {
      params: { which, few: lists.flat().length },
      retryAfterSeconds: 10,
    })
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
  return listenOnce(port).then(isSo, isNot)
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

/**
 * Whether nobody listens on this port, on any address: a program that has it on another than
 * loopback has it for all of its own. To ask all at once takes one call, and /proc/net/tcp would
 * have to be read through.
 */
async function isPortUnused(port: number): Promise<boolean> {
  if (!(await isPortFree(port))) return false
  const inUse = await listenOnce(port, '::').then(
    () => false,
    (thrown: unknown) => (codeOf(thrown) === 'EADDRINUSE' ? true : undefined),
  )
  // Without IPv6 there is no such address.
  return inUse === undefined ? listenOnce(port, '0.0.0.0').then(isSo, isNot) : !inUse
}

const isSo = (): boolean => true
const isNot = (): boolean => false

function listenOnce(port: number, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      )
    })
  })
}
