import assert from 'node:assert/strict'
import test from 'node:test'

import { warmTable, type WarmStockView } from '../../src/cli/warm-lines.ts'
import { handleOf } from '../../src/ground/handle.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openSession } from '../support/raw-mcp.ts'

test('what waits for sessions is shown, and how often it was of use', async (t) => {
  const command: [string, string] = ['node', compiled('test/fixtures/workers/tells-who.js')]
  const gateway = await startTestGateway(t, {
    warmed: { command, warm: { min: 1, max: 1, maxAgeMs: 3_600_000 } },
    cold: { command },
  })
  const first = await gateway.saw('warm.started')
  const id = await openSession({ url: gateway.mcp('warmed') })
  assert.equal(handleOf(id), first.session)
  const next = await gateway.saw('warm.started', ({ session }) => session !== first.session)
  const answer = await askAdmin(gateway, '/api/warm')
  const { servers } = await answer.json<{ servers: WarmStockView[] }>()
  const [stock] = servers
  assert.equal(servers.length, 1)
  assert.deepEqual(
    { ...stock, workers: stock?.workers.map(({ handle, state }) => ({ handle, state })) },
    {
      ...{ server: 'warmed', min: 1, max: 1, wanted: 1, hits: 1, misses: 0 },
      workers: [{ handle: next.session, state: 'ready' }],
    },
  )
  assert.ok(!JSON.stringify(servers).includes(id))
  const lines = warmTable(servers)
  assert.match(lines.join('\n'), /^warmed +1 of 1 +1 to 1 +1 of 1 \(100 %\)/m)
  assert.match(lines.join('\n'), new RegExp(`^${next.session} +warmed +ready`, 'm'))

  const metrics = await (await askAdmin(gateway, '/metrics')).text()
  assert.match(metrics, /^berth_warm_workers\{server="warmed"\} 1$/m)
  assert.match(metrics, /^berth_warm_claims_total\{server="warmed",outcome="hit"\} 1$/m)
  assert.match(metrics, /^berth_warm_claims_total\{server="warmed",outcome="miss"\} 0$/m)
})
