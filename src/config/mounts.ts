import type { MountGrounds } from '../ground/mount-rules.ts'
import { mountProblem, secondNameProblem } from '../ground/mount-rules.ts'
import type { Server } from '../sessions/server.ts'
import type { Mount } from '../workers/driver.ts'
import type { Path, Problems } from './problems.ts'

/** A mount of a sandbox, and where it is written. */
export interface WrittenMount {
  mount: Mount
  at: Path
}

/**
 * Hides from each server what holds secrets of any, and refuses mounts by which a worker would get to
 * see what it must not: those rules are about all servers at once.
 */
export function guardMounts(
  servers: readonly Server[],
  mounts: readonly WrittenMount[],
  { stateDir, files, problems }: { stateDir: string; files: Iterable<string>; problems: Problems },
): Server[] {
  const local = servers.flatMap(({ launch }) => (launch.kind === 'local' ? [launch] : []))
  const hidden = [...new Set([...local.flatMap(({ sandbox }) => sandbox.hidden), ...files])]
  const writable = mounts.filter(({ mount }) => mount.write).map(({ mount }) => mount.from)
  const grounds: MountGrounds = { stateDir, hidden, writable }
  if (servers.some(({ driver }) => driver === 'sandbox')) {
    for (const file of hidden) {
      const why = secondNameProblem(file)
      if (why !== undefined) problems.add(['mcpServers'], why)
    }
  }
  for (const { mount, at } of mounts) {
    const why = mountProblem(mount, grounds)
    if (why !== undefined) problems.add(at, `may not be mounted: ${why}`)
  }
  return servers.map((server): Server => {
    const { launch } = server
    if (launch.kind !== 'local') return server
    const shared = writable.length === 0 ? {} : { writable }
    return { ...server, launch: { ...launch, sandbox: { ...launch.sandbox, hidden, ...shared } } }
  })
}
