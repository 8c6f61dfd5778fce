import { GatewayError } from '../../ground/errors.ts'
import { mountProblem } from '../../ground/mount-rules.ts'
import type { KeeperSpec } from '../../keeper/protocol.ts'
import type { LocalLaunch, WorkerDriver } from '../driver.ts'
import { enforcementOf } from '../limits/enforcement.ts'
import type { LocalDriverOptions } from '../local-driver.ts'
import { createLocalDriver, usualKeepers } from '../local-driver.ts'
import { sandboxed } from '../sandbox/command.ts'
import type { NetworkKeepers } from '../sandbox/network.ts'
import { hasOwnNetwork, leadsOut } from '../sandbox/network.ts'
import type { SandboxSupport } from '../sandbox/probe.ts'
import { viewOf } from '../sandbox/view.ts'

export interface SandboxDriverOptions extends LocalDriverOptions {
  support: SandboxSupport
  /** Undefined where there can be no sandbox. */
  networkKeepers: NetworkKeepers | undefined
  /** Whether a private network can lead anywhere, or why not. */
  outbound: { available: true } | { available: false; why: string }
  /** The gateway's own folder: no worker sees it. */
  stateDir: string
  /** The keepers' sockets, where they do not fit into that. */
  runtimeDir?: string
}

/**
 * `sandbox`: bubblewrap around the server of each session. Its own file system, processes, IPC and
 * host name, no capabilities, a filter of system calls; a network of its own where one is wanted.
 */
export function createSandboxDriver(options: SandboxDriverOptions): WorkerDriver {
  const { support, networkKeepers, outbound, limitGroups, stateDir, runtimeDir, templates } =
    options
  return createLocalDriver(options, {
    name: 'sandbox',
    capabilities: { isolation: 'sandbox', perSession: true, reattach: true, output: true },

    probe(launch) {
      if (!support.available) return Promise.resolve(support)
      if (launch?.kind === 'local' && leadsOut(launch) && !outbound.available) {
        return Promise.resolve(outbound)
      }
      const network = launch?.kind === 'local' ? launch.sandbox.network : 'host'
      return Promise.resolve({
        available: true,
        how: `a sandbox of its own (bubblewrap), ${networkText[network]}`,
        missing: support.missing,
      })
    },

    enforcement: (launch) =>
      enforcementOf(launch, limitGroups, { limit: 'disk', by: 'a disk in memory (tmpfs size)' }),

    keepersFor: (local) =>
      hasOwnNetwork(local.launch) && networkKeepers !== undefined
        ? networkKeepers.of(leadsOut(local.launch))
        : usualKeepers(options, local),

    ownsPorts: ({ launch }) => hasOwnNetwork(launch),

    wrap(spec, local, groups) {
      // The supervisor has asked probe() before it comes to this.
      if (!support.available) throw new Error(support.why)
      refuseDangers(local.launch, stateDir)
      const privateDirs = runtimeDir === undefined ? [] : [runtimeDir]
      const view = viewOf(local, { stateDir, privateDirs, nodePath: process.execPath })
      const { tools } = support
      const around = (one: KeeperSpec): KeeperSpec => sandboxed(one, local, { tools, view })
      const filter = tools.seccompFile
      return templates?.forked(spec, local, groups, { around, filter }) ?? around(spec)
    },
  })
}

/** It was asked when the configuration was read, but what is there may have changed since. */
function refuseDangers({ sandbox }: LocalLaunch, stateDir: string): void {
  const { mounts, hidden, writable = [] } = sandbox
  for (const mount of mounts) {
    const problem = mountProblem(mount, { stateDir, hidden, writable })
    if (problem === undefined) continue
    const why = `${mount.from} may not be mounted: ${problem}`
    throw new GatewayError('ERR_WORKERS_DRIVER_UNAVAILABLE', { params: { driver: 'sandbox', why } })
  }
}

const networkText = {
  host: 'in the network of this machine',
  none: 'without a network',
  private: 'in a network of its own',
}
