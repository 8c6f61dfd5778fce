import type { WorkerDriver } from '../driver.ts'
import type { ProcessDriverOptions } from './process.ts'
import { createProcessDriver } from './process.ts'
import { createRemoteDriver } from './remote.ts'

/** Every driver there is, by the name that `isolation` uses. A new one is one line here. */
export function createDrivers(
  options: ProcessDriverOptions & Parameters<typeof createRemoteDriver>[0],
): ReadonlyMap<string, WorkerDriver> {
  const drivers = [createProcessDriver(options), createRemoteDriver(options)]
  return new Map(drivers.map((driver) => [driver.name, driver]))
}
