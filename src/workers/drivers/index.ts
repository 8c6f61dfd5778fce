import type { WorkerDriver } from '../driver.ts'
import { createInsideDriver } from './inside.ts'
import { createProcessDriver } from './process.ts'
import { createRemoteDriver } from './remote.ts'
import type { SandboxDriverOptions } from './sandbox.ts'
import { createSandboxDriver } from './sandbox.ts'

/** Every driver there is, by the name that `isolation` uses. A new one is one line here. */
export function createDrivers(
  options: SandboxDriverOptions & Parameters<typeof createRemoteDriver>[0],
): ReadonlyMap<string, WorkerDriver> {
  const drivers = [
    createProcessDriver(options),
    createSandboxDriver(options),
    createRemoteDriver(options),
    createInsideDriver(),
  ]
  return new Map(drivers.map((driver) => [driver.name, driver]))
}
