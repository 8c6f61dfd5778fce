import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

import { tryBreakOut } from '../../../src/load/probes/break-outs.ts'
import { skipWithout } from '../limits/rig.ts'
import { foundNamespace } from '../rig.ts'
import type { Facts } from './expected.ts'
import { triedOutside } from './expected.ts'

/** Two of the attempts are small programs in Python. */
export const skipWithoutPython =
  spawnSync('python3', ['--version']).status === 0 ? false : 'no python3 here to try it with'

export const skipWithoutLimits = skipWithout('memory', 'cpus', 'pids')

/** Found by trying it here, outside of everything that is tested. */
export async function findFacts(): Promise<Facts> {
  const outside: Facts['outside'] = {}
  // One after the other: at once they would take the time from each other that each of them has.
  for (const name of triedOutside) outside[name] = (await tryBreakOut(name, undefined)).outcome
  return {
    ownPids: foundNamespace.own,
    mayTrace: mayTrace(),
    mayMakeGroups: skipWithoutLimits === false,
    outside,
  }
}

/** Yama keeps processes of an ordinary user from looking into those that they did not start. */
function mayTrace(): boolean {
  const file = '/proc/sys/kernel/yama/ptrace_scope'
  if (process.getuid?.() === 0 || !existsSync(file)) return true
  return readFileSync(file, 'utf8').trim() === '0'
}
