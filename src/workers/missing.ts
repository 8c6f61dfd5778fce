import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../ground/clock.ts'
import { createEvents } from '../ground/events.ts'
import type { Probe, WorkerSpec } from './driver.ts'
import { ownIdentity } from './identity.ts'
import { setUpWorkers } from './setup.ts'
import type { Supervisor } from './supervisor.ts'
import { createSupervisor } from './supervisor.ts'

/** What a server of the configuration asks of this machine. */
export interface Wish {
  name: string
  driver: string
  launch: WorkerSpec['launch']
  requireLimits: boolean
}

/** What it gets: how it is isolated, or in words what is missing, by the keys that ask for it. */
export async function findMissing(
  { name, driver, launch, requireLimits }: Wish,
  supervisor: Pick<Supervisor, 'probe' | 'enforcement'>,
): Promise<{ probe: Probe; problems: string[] }> {
  const probe = await supervisor.probe(driver, launch)
  const problems = probe.available
    ? []
    : [`mcpServers.${name}.isolation: ${driver} cannot be had here: ${probe.why}.`]
  for (const limit of supervisor.enforcement(driver, launch)) {
    if (!requireLimits || limit.by !== null) continue
    problems.push(`mcpServers.${name}.limits.${limit.limit}: cannot be enforced: ${limit.why}.`)
  }
  return { probe, problems }
}

export const adviceForMissing = 'mcp-berth doctor tells what this machine can do, and what helps.'

/** What is missing for any of these servers. Nothing of them is started, and nothing is left. */
export async function findAllMissing(all: Wish[], searchPath: string): Promise<string[]> {
  // A process of this machine can be had everywhere.
  const servers = all.filter(
    ({ launch, driver, requireLimits }) =>
      launch.kind === 'local' && (requireLimits || driver !== 'process'),
  )
  if (servers.length === 0) return []
  const stateDir = mkdtempSync(join(tmpdir(), 'berth-check-'))
  try {
    const owner = ownIdentity()
    const workers = await setUpWorkers({
      clock: systemClock,
      stateDir,
      installation: randomBytes(16).toString('hex'),
      store: 'none',
      owner,
      workersOutlive: false,
      searchPath,
      launches: [],
      wanted: servers.map(({ driver }) => driver),
      spareKeepers: 0,
      remoteLaunchOf: () => undefined,
      warn: () => undefined,
    })
    const { drivers } = workers
    const supervisor = createSupervisor({
      clock: systemClock,
      events: createEvents(),
      drivers,
      owner,
    })
    const found = await Promise.all(servers.map((server) => findMissing(server, supervisor)))
    await workers.close()
    return found.flatMap(({ problems }) => problems)
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
  }
}
