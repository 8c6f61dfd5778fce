import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../ground/clock.ts'
import { removeFolder } from '../ground/removal.ts'
import { createEvents } from '../ground/events.ts'
import type { LocalLaunch, Probe } from './driver.ts'
import { ownIdentity } from './identity.ts'
import { setUpWorkers } from './setup.ts'
import type { Supervisor } from './supervisor.ts'
import type { Wish } from './wishes.ts'
import { findMissing } from './wishes.ts'

/** What is missing for any of these servers. Nothing of them is started, and nothing is left. */
export async function findAllMissing(all: Wish[], searchPath: string): Promise<string[]> {
  // A process of this machine can be had everywhere.
  const servers = all.filter(
    ({ launch, driver, requireLimits }) =>
      launch.kind === 'local' && (requireLimits || driver !== 'process'),
  )
  if (servers.length === 0) return []
  return tryOut(servers, searchPath, async (supervisor) => {
    const found = await Promise.all(servers.map((wish) => findMissing(wish, supervisor)))
    return found.flatMap(({ problems }) => problems)
  })
}

/** Whether a server with this launch could be had in a sandbox here. */
export function findSandboxFor(launch: LocalLaunch, searchPath: string): Promise<Probe> {
  // Where there are limits, groups would be tried out as well, which moves this process.
  const wanted = { ...launch, limits: {} }
  const wish = { name: '', driver: 'sandbox', launch: wanted, requireLimits: false }
  return tryOut([wish], searchPath, (supervisor) => supervisor.probe('sandbox', wanted))
}

async function tryOut<T>(
  servers: readonly Wish[],
  searchPath: string,
  ask: (supervisor: Supervisor) => Promise<T>,
): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'berth-check-'))
  try {
    const workers = await setUpWorkers({
      clock: systemClock,
      events: createEvents(),
      stateDir,
      place: { owner: ownIdentity(), installation: randomBytes(16).toString('hex') },
      store: 'none',
      workersOutlive: false,
      searchPath,
      servers,
      spareKeepers: 0,
    })
    const answer = await ask(workers.supervisor)
    await workers.close()
    return answer
  } finally {
    removeFolder(stateDir)
  }
}
