import { strict as assert } from 'node:assert'
import { join } from 'node:path'

import { createMarkers } from '../../../src/workers/markers.ts'
import { messageOf, openSession, post } from '../../support/raw-mcp.ts'
import type { Stand } from '../stand.ts'

/** A session of the server that is attacked, in whose keeper the attacked one is as well. */
export interface Neighbour {
  /** Whether it is answered as before, and has a keeper with every other session of its server. */
  check(): Promise<void>
}

export async function openNeighbour({ mcp, stateDir }: Stand, server: string): Promise<Neighbour> {
  const url = mcp(server)
  const sessionId = await openSession({ url })
  const markers = createMarkers(join(stateDir, 'workers'))
  let calls = 0
  const ask = async (): Promise<void> => {
    calls += 1
    const params = { name: 'echo', arguments: { calls } }
    const message = { jsonrpc: '2.0', id: `n${calls}`, method: 'tools/call', params }
    const { id, result } = await messageOf(await post({ url }, message, sessionId))
    assert.equal(id, message.id)
    assert.ok(result !== undefined, 'the neighbour was not answered')
  }
  return {
    async check() {
      await ask()
      const keepers = markers.all().filter((marker) => marker.server === server)
      assert.ok(keepers.length > 0)
      assert.equal(new Set(keepers.map(({ handle }) => handle['pid'])).size, 1)
    },
  }
}
