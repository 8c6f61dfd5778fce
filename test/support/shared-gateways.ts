import { createKeeperClient } from '../../src/workers/keeper-client.ts'
import { createMarkers } from '../../src/workers/markers.ts'
import { join } from 'node:path'

import { atEnd } from './at-end.ts'
import type { Owner } from './temp.ts'
import { tempDir } from './temp.ts'

/**
 * A state directory for gateways whose workers outlive them: after them, what still runs is ended.
 * To be made before the gateways.
 */
export function sharedStateDir(t: Owner): string {
  const stateDir = tempDir(t)
  atEnd(t, () => endWorkers(stateDir))
  return stateDir
}

/** Ends every worker of a state directory that has no gateway any more. */
export async function endWorkers(stateDir: string): Promise<void> {
  const markers = createMarkers(join(stateDir, 'workers')).all()
  await Promise.all(
    markers.map(({ handle, nonce }) =>
      createKeeperClient(String(handle.socketPath), nonce)
        .call('POST', '/keeper/stop?graceMs=500')
        .catch(() => undefined),
    ),
  )
}
