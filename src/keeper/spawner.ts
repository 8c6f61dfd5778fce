import type { OnFault } from '../ground/guarded.ts'
import { spawnHoused } from './housed-server.ts'
import type { Pipes } from './pipes.ts'
import { removePipes } from './pipes.ts'
import type { House, KeeperBoot, KeeperFailure, KeeperSpec } from './protocol.ts'
import { spawnServer } from './spawn-server.ts'
import type { Spawned } from './spawned.ts'

/** How the server of a worker is started: where its keeper stands, or in a house of its own. */
export interface Spawner {
  spawn(spec: KeeperSpec): Spawned
  /** In place of that: it is not to be started any more. */
  callOff(): void
}

export async function spawnerFor(
  { house, ownPidNamespace }: KeeperBoot,
  makePipes: (house: House) => Promise<Pipes>,
  onFault: OnFault,
): Promise<Spawner> {
  if (house === undefined) {
    return { spawn: (spec) => spawnServer(spec, ownPidNamespace), callOff: () => undefined }
  }
  const pipes = await makePipes(house)
  return {
    spawn: (spec) => spawnHoused(spec, { house, pipes }, onFault),
    callOff: () => removePipes(pipes),
  }
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
