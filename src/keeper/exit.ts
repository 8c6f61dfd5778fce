import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'

import type { KeeperExit, KeeperSpec } from './protocol.ts'

export type Ending = Pick<KeeperExit, 'code' | 'signal'>

/** A wrapper that stays ends as a shell does: with 128 and the number of the server's signal. */
export function seenThrough(code: number | null, signal: string | null, spec: KeeperSpec): Ending {
  return spec.wrapped?.stays === true ? asShellsTell(code, signal) : { code, signal }
}

export function asShellsTell(code: number | null, signal: string | null): Ending {
  if (code === null || code <= 128) return { code, signal }
  const [name] = Object.entries(constants.signals).find(([, number]) => number === code - 128) ?? []
  return name === undefined ? { code, signal } : { code: null, signal: name }
}

export function describeExit(
  { code, signal }: Ending,
  spawnProblem: Error | undefined,
  endedFor: string | undefined,
): string {
  if (spawnProblem !== undefined) return 'it could not be started'
  if (endedFor !== undefined) return endedFor
  return signal === null ? `exit code ${code ?? 'unknown'}` : `killed by ${signal}`
}

/** Left for whoever comes later, as far as there is room for it. */
export function leaveExit(file: string, exit: KeeperExit): void {
  try {
    writeFileSync(file, JSON.stringify(exit), { mode: 0o600 })
  } catch {
    // The disk is full or the folder has gone; that must not keep the tree from being ended.
  }
}
