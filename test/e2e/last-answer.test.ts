import assert from 'node:assert/strict'
import { test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { callTool, openSession } from '../support/raw-mcp.ts'

test('the last answer of a server that exits with it reaches the client', async (t) => {
  const command: [string, string] = ['node', compiled('test/fixtures/workers/answers-and-exits.js')]
  const gateway = await startTestGateway(t, {
    stdio: { command },
    http: { command, http: true },
    relayed: { command, relay: true, http: true },
  })
  const last = async (server: string, chars: number): Promise<void> => {
    const target = { url: gateway.mcp(server) }
    const id = await openSession(target)
    const text = await callTool<string>(target, id, 'last', { chars, heir: true })
    assert.equal(text.length, chars, server)
    const closed = await gateway.saw('session.closed', ({ session }) => session === handleOf(id))
    assert.equal(closed.reason, 'worker-exited')
  }
  const sizes = [1, 1000, 100_000, 1_000_000]
  const servers = ['stdio', 'http', 'relayed']
  await Promise.all(servers.flatMap((server) => sizes.map((chars) => last(server, chars))))
})
