import type { OnFault } from '../ground/guarded.ts'
import { spawnHoused } from './housed-server.ts'
import type { Pipes } from './pipes.ts'
import type { House, KeeperBoot, KeeperFailure, KeeperSpec } from './protocol.ts'
import { spawnServer } from './spawn-server.ts'
import type { Spawned } from './spawned.ts'

/** How the server of a worker is started: where its keeper stands, or in a house of its own. */
export async function spawnerFor(
  { house, ownPidNamespace }: KeeperBoot,
  makePipes: (house: House) => Promise<Pipes>,
  onFault: OnFault,
): Promise<(spec: KeeperSpec) => Spawned> {
  if (house === undefined) return (spec) => spawnServer(spec, ownPidNamespace)
  const pipes = await makePipes(house)
  return (spec) => spawnHoused(spec, { house, pipes }, onFault)
}

/** What stands around a server in a house of its own would say less of it than can be seen before. */
export function asLookedAt(spec: KeeperSpec, { house }: KeeperBoot): KeeperSpec {
  if (house === undefined) return spec
  const { command, cwd } = spec
  return { ...spec, wrapped: spec.wrapped ?? { command, cwd, file: null, stays: false } }
}

export function keeperFailure(why: string): KeeperFailure {
  const code = 'ERR_WORKERS_KEEPER'
  return { code, params: { why }, exitCode: null, signal: null, lastLines: [] }
}
