import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { SessionView } from '../../src/admin/routes/sessions.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import type { TestServer } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { messageOf } from '../support/raw-mcp.ts'
import { openRaw } from '../support/raw-session.ts'
import { skipWithout } from '../workers/limits/rig.ts'

const memoryBytes = 160 * 1024 * 1024
const server: TestServer = {
  command: ['node', compiled('test/fixtures/workers/eats-memory.js')],
  limits: { memoryBytes },
}

suite('a worker that wants more memory than it may have', { skip: skipWithout('memory') }, () => {
  for (const [name, how] of [
    ['stdio', {}],
    ['http', { http: true }],
    ['relayed', { http: true, relay: true }],
  ] as const) {
    test(`is killed alone, and its client is told why: ${name}`, async (t) => {
      const gateway = await startTestGateway(t, { hungry: { ...server, ...how } })
      const url = gateway.mcp('hungry')
      const [victim, bystander, other] = await Promise.all([
        openRaw(url),
        openRaw(url),
        openRaw(url),
      ])
      const view = async (handle: string): Promise<SessionView> =>
        (await askAdmin(gateway, `/api/sessions/${handle}`)).json<SessionView>()

      const live = await view(bystander.handle)
      const [limit] = live.limits ?? []
      assert.deepEqual([limit?.limit, limit?.value], ['memory', memoryBytes])
      assert.match(limit?.by ?? '', /^cgroup v[12]$/)
      assert.ok((live.usage?.peakMemoryBytes ?? 0) > 0)
      assert.ok((live.usage?.peakMemoryBytes ?? 0) < memoryBytes)
      assert.ok((live.usage?.cpuMs ?? 0) > 0)

      const exited = gateway.saw('worker.exited', (news) => news.session === victim.handle)
      const message = await messageOf(await victim.call('fill'))
      assert.equal((await exited).oom, true)
      assert.equal(message.id, 1)
      const data = (error: unknown): unknown => (error as { data?: unknown }).data
      const { reason, oom: told } = data(message.error) as Record<string, unknown>
      assert.deepEqual([reason, told], ['worker-exited', true])

      const late = await victim.call('identify')
      assert.equal(late.status, 404)
      const { endedAt, ...rest } = data((await late.json()).error) as Record<string, unknown>
      assert.deepEqual(rest, { reason: 'worker-exited', oom: true })
      assert.ok(Math.abs(Date.now() - Date.parse(String(endedAt))) < 60_000)

      const news = await gateway.saw('session.closed', ({ session }) => session === victim.handle)
      assert.deepEqual([news.reason, news.details?.['oom']], ['worker-exited', true])
      assert.match(String(news.details?.['how']), /more memory than it may have/)
      // Within the limit, and near it.
      assert.ok((news.usage?.peakMemoryBytes ?? 0) > memoryBytes / 2)
      assert.ok((news.usage?.peakMemoryBytes ?? 0) <= memoryBytes)
      await eventually(async () => {
        const { state, usage, end } = await view(victim.handle)
        assert.deepEqual([state, end?.details?.['oom']], ['closed', true])
        assert.deepEqual(usage, news.usage)
      })

      for (const session of [bystander, other]) {
        assert.equal((await messageOf(await session.call('identify'))).error, undefined)
      }
      const end = await bystander.remove()
      assert.equal(end.status, 200)
      const closed = await gateway.saw(
        'session.closed',
        ({ session }) => session === bystander.handle,
      )
      assert.equal(closed.details, undefined)
      assert.ok((closed.usage?.cpuMs ?? 0) > 0)
    })
  }
})
