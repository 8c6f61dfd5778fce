import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { readOwnFile } from './own-files.ts'
import { removeFile } from './removal.ts'

/**
 * What a gateway writes into `gateways/PID.json` of its state directory while it listens, with mode
 * 0600: who can read it may command the gateway.
 */
export interface GatewayIdentity {
  bootId: string
  pid: number
  startTime: string
  /** What the pid means something in. */
  pidNamespace: string
  url: string
  adminUrl: string
  token: string
  /** The name of the store, where other gateways may serve the same sessions. */
  sharedStore?: string
}

const fileOf = (folder: string, pid: number): string => join(folder, `${pid}.json`)

export function writeIdentity(folder: string, identity: GatewayIdentity): void {
  writeFileSync(fileOf(folder, identity.pid), JSON.stringify(identity), { mode: 0o600 })
}

/** Removes the one of a process, if there is one. */
export function removeIdentity(folder: string, pid: number): void {
  removeFile(fileOf(folder, pid))
}

/** Those of processes that have been killed included: they could not remove their files. */
export function readIdentities(folder: string): GatewayIdentity[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return [] // nothing was ever served from here
  }
  return names.flatMap((name) => {
    try {
      return [JSON.parse(readOwnFile(join(folder, name))) as GatewayIdentity]
    } catch {
      return [] // it was removed, or is being written, in this moment
    }
  })
}

/**
 * Removes those of gateways that have been killed. Their pids are in use again soon, in a container
 * above all, and then a command would take them for gateways that run.
 */
export function removeIdentities(
  folder: string,
  isDead: (identity: GatewayIdentity) => boolean,
): void {
  for (const identity of readIdentities(folder).filter(isDead)) {
    removeIdentity(folder, identity.pid)
  }
}
