import { setTimeout as sleep } from 'node:timers/promises'

import type { Endpoint, LocalLaunch, LocalSpec, ProcessIdentity, WorkerHandle } from './driver.ts'
import { hasEnded, killIfAlive, startTimeOf } from './identity.ts'
import type { StartedKeeper } from './keeper-host.ts'
import { nonceHeader } from './keeper/protocol.ts'
import { markedTree, workerMark } from './keeper/tree.ts'
import { needsGroups } from './limits/enforcement.ts'

/** What cannot be killed, because it waits for a broken disk, for one, is not waited for. */
const unkillableMs = 5000

/** The handle of a worker that its keeper is about to start; the address comes later. */
export function newHandle(
  { workerId, directory, launch }: LocalSpec,
  { pid, init, socketPath }: StartedKeeper,
  { driver, port, bootId }: { driver: string; port: number | null; bootId: string },
): WorkerHandle {
  return {
    driver,
    workerId,
    bootId,
    pid,
    startTime: startTimeOf(pid) ?? '',
    initPid: init?.pid ?? null,
    initStartTime: init?.startTime ?? null,
    socketPath,
    directory,
    transport: launch.transport,
    path: launch.path,
    relay: isRelayed(launch),
    hasGroups: needsGroups(launch.limits),
    port,
    address: null,
  }
}

/** Nobody but its keeper reaches a server in a network of its own. */
export function isRelayed({ relay, transport, sandbox }: LocalLaunch): boolean {
  return relay || (transport === 'http' && sandbox.network !== 'host')
}

/** The process that the gateway has started: the keeper, or what stands before it. */
export function keeperIn({ pid, startTime, bootId }: WorkerHandle): ProcessIdentity {
  return { pid: Number(pid), startTime: String(startTime), bootId: String(bootId) }
}

export function endpointOf(handle: WorkerHandle, nonce: string): Endpoint {
  const path = String(handle.path)
  const port = Number(handle.port)
  const host = handle.transport === 'stdio' ? 'localhost' : `localhost:${port}`
  if (handle.transport === 'stdio' || handle.relay === true) {
    const headers = { [nonceHeader]: nonce }
    return {
      origin: 'http://localhost',
      socketPath: String(handle.socketPath),
      host,
      path,
      headers,
      ordersStreams: true,
    }
  }
  const address = String(handle.address).includes(':') ? `[${handle.address}]` : handle.address
  return { origin: `http://${address}:${port}`, host, path, headers: {}, ordersStreams: false }
}

/**
 * Ends what is left of a worker without its keeper. With the init of a PID namespace everything in
 * it ends, and it is the last to go; elsewhere it is found by its mark.
 */
export async function endTreeOf(handle: WorkerHandle): Promise<void> {
  const { workerId, bootId, initPid, initStartTime } = handle
  if (typeof initPid !== 'number') {
    await markedTree(workerMark(workerId)).kill()
    return
  }
  const init = { pid: initPid, startTime: String(initStartTime), bootId: String(bootId) }
  killIfAlive(init)
  await Promise.race([hasEnded(init), sleep(unkillableMs, undefined, { ref: false })])
}
