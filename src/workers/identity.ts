import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, linkSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { ProcessIdentity } from './driver.ts'
import { onlyChildOf, startTimeOf } from '../ground/process-tree.ts'
import { readOwnFile } from '../ground/own-files.ts'
import { removeFile } from '../ground/removal.ts'

/** Who this process is, so that nobody ever takes a later process of the same pid for it. */
export function ownIdentity(): ProcessIdentity {
  return { bootId: bootId(), pid: process.pid, startTime: startTimeOf(process.pid) ?? '' }
}

/** Where this process stands: what may end workers that were started here, and what may not. */
export interface Place {
  owner: ProcessIdentity
  /** Random name of the state directory. */
  installation: string
  /** See `hostOf`. */
  host: string
}

/** Of this process, with that state directory, which has to be there. */
export function ownPlace(stateDir: string): Place {
  return {
    owner: ownIdentity(),
    installation: installationOf(stateDir),
    host: hostOf(stateDir),
  }
}

/** Whether the very process that is meant still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === bootId() && startTimeOf(identity.pid) === identity.startTime
}

/** Settles when a process that is not our child has ended; found out by looking. */
export async function hasEnded(identity: ProcessIdentity): Promise<void> {
  // Not the clock's timers: those let this process end while it waits.
  while (isAlive(identity)) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** Sends SIGKILL to a process, and never to a later one of the same pid. */
export function killIfAlive(identity: ProcessIdentity): void {
  try {
    if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL')
  } catch {
    // It ended in this moment.
  }
}

/** The only child of a process; undefined where the kernel does not tell. */
export function childOf(pid: number): ProcessIdentity | undefined {
  const child = onlyChildOf(pid)
  const startTime = child === undefined ? undefined : startTimeOf(child)
  if (child === undefined || startTime === undefined) return undefined
  return { bootId: bootId(), pid: child, startTime }
}

/** Where a worker can be stopped from: this boot, this PID namespace, this state directory. */
export function hostOf(stateDir: string): string {
  return createHash('sha256')
    .update([bootId(), ownPidNamespace(), stateDir].join('\n'))
    .digest('hex')
    .slice(0, 16)
}

/** A random name of a state directory, so that a sweep never ends what belongs to another. */
export function installationOf(stateDir: string): string {
  const file = join(stateDir, 'installation')
  if (!existsSync(file)) giveName(file)
  return readOwnFile(file)
}

/** Of several that start at once one wins, and nobody ever reads half a name. */
function giveName(file: string): void {
  const own = `${file}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(own, randomBytes(16).toString('hex'), { mode: 0o600 })
    linkSync(own, file)
  } catch {
    // Another was first; what cannot be written cannot be read either, and says so then.
  } finally {
    removeFile(own)
  }
}

/** What this process's pids mean something in; empty where there are no namespaces. */
export function ownPidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

let knownBootId: string | undefined

function bootId(): string {
  knownBootId ??= readBootId()
  return knownBootId
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    try {
      return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
    } catch {
      return 'unknown'
    }
  }
}
