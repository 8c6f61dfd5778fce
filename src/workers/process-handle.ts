import { setTimeout as sleep } from 'node:timers/promises'

import type { Endpoint, LocalLaunch, LocalSpec, ProcessIdentity, WorkerHandle } from './driver.ts'
import { hasEnded, isAlive, killIfAlive, ownPidNamespace } from './identity.ts'
import { isListenedOn } from './keeper-sockets.ts'
import type { StartedKeeper } from './keeper-host.ts'
import { nonceHeader } from '../keeper/protocol.ts'
import { markedTree, startTimeOf, workerMark } from '../ground/process-tree.ts'
import { needsGroups } from './limits/enforcement.ts'
import type { ClaimedPort } from './local-ports.ts'

/** What cannot be killed, because it waits for a broken disk, for one, is not waited for. */
const unkillableMs = 5000
const lookMs = 50

/** The handle of a worker that its keeper is about to start; address and groups come later. */
export function newHandle(
  { workerId, directory, launch }: LocalSpec,
  { pid, init, socketPath, isShared }: StartedKeeper,
  more: Pick<ClaimedPort, 'port' | 'portKind'> & { driver: string; bootId: string },
): WorkerHandle {
  const { driver, port, portKind, bootId } = more
  return {
    driver,
    workerId,
    bootId,
    pidNamespace: ownPidNamespace(),
    pid,
    startTime: startTimeOf(pid) ?? '',
    sharesKeeper: isShared,
    initPid: init?.pid ?? null,
    initStartTime: init?.startTime ?? null,
    socketPath,
    directory,
    transport: launch.transport,
    path: launch.path,
    relay: isRelayed(launch),
    frames: launch.transport === 'stdio',
    hasGroups: needsGroups(launch.limits),
    groups: null,
    port,
    portKind,
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

/** Whether its server had become ready when this was written. */
export const isReached = ({ transport, address }: WorkerHandle): boolean =>
  transport === 'stdio' || address !== null

export function endpointOf(handle: WorkerHandle, nonce: string): Endpoint {
  const path = String(handle.path)
  const port = Number(handle.port)
  const host = handle.transport === 'stdio' ? 'localhost' : `localhost:${port}`
  if (handle.transport === 'stdio' || handle.relay === true) {
    const headers = { [nonceHeader]: nonce }
    return {
      origin: 'http://localhost',
      socketPath: String(handle.socketPath),
      // A keeper of an earlier version says nothing of it, and takes HTTP.
      ...(handle.frames === true ? { frames: true } : {}),
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
  await endProcess({ pid: initPid, startTime: String(initStartTime), bootId: String(bootId) })
}

/**
 * Whether its keeper keeps it still, as far as can be told without asking it. One that may keep others
 * lives on when it is over, and then nobody listens on its socket.
 */
export async function isKept(handle: WorkerHandle): Promise<boolean> {
  if (!isAlive(keeperIn(handle))) return false
  return handle.sharesKeeper !== true || (await isListenedOn(String(handle.socketPath)))
}

/** What a keeper of several gets to tell that one of them is over. */
const tellingMs = 5000

/**
 * Kills a worker with its keeper; of a keeper that has others it kills the worker alone. If the keeper
 * does not even see that, it is stuck, and goes with all that it keeps.
 */
export async function endWorker(handle: WorkerHandle): Promise<void> {
  if (handle.sharesKeeper !== true) return endProcess(keeperIn(handle))
  await endTreeOf(handle)
  for (const untilMs = Date.now() + tellingMs; Date.now() < untilMs;) {
    if (!(await isKept(handle))) return
    await sleep(lookMs, undefined, { ref: false })
  }
  await endProcess(keeperIn(handle))
}

/** Kills the very process that is meant, if it runs, and waits until it is gone. */
export async function endProcess(identity: ProcessIdentity): Promise<void> {
  killIfAlive(identity)
  await Promise.race([hasEnded(identity), sleep(unkillableMs, undefined, { ref: false })])
}

/** A marker of the same name may be of a later worker, or of a process that had the pid later. */
export function isSame(one: WorkerHandle, other: WorkerHandle): boolean {
  return (['driver', 'pid', 'startTime', 'bootId'] as const).every((key) => one[key] === other[key])
}
