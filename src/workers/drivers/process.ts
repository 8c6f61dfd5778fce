import type { WorkerDriver } from '../driver.ts'
import type { LocalDriverOptions } from '../local-driver.ts'
import { createLocalDriver, usualKeepers } from '../local-driver.ts'
import { enforcementOf } from '../limits/enforcement.ts'

/**
 * `process`: a child process with a keeper beside it. A convenience, not a wall: a worker may read
 * whatever its user may read.
 */
export function createProcessDriver(options: LocalDriverOptions): WorkerDriver {
  const { namespace, limitGroups, templates } = options
  return createLocalDriver(options, {
    name: 'process',
    capabilities: { isolation: 'process', perSession: true, reattach: true, output: true },

    probe: () =>
      Promise.resolve({
        available: true,
        how: namespace.own
          ? 'a process tree of its own (PID namespace); no wall: it can read what you can read'
          : 'a process of its own; no wall: it can read what you can read',
        missing: namespace.own
          ? []
          : [
              `No PID namespace (${namespace.why}): a server that hides from its keeper may outlive a kill -9 of it, until the gateway or its next start sweeps it.`,
            ],
      }),

    enforcement: (launch) =>
      enforcementOf(launch, limitGroups, {
        limit: 'disk',
        by: null,
        why: 'a process writes where it may; isolation: sandbox gives it a disk of its own',
      }),

    keepersFor: (local) => usualKeepers(options, local),
    ownsPorts: () => false,
    wrap: (spec, local, groups) => templates?.forked(spec, local, groups) ?? spec,
  })
}
