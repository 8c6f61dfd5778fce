import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/half-said.js')]
const gateway = await startTestGateway(
  { after },
  {
    direct: { command, http: true },
    relayed: { command, http: true, relay: true },
    firehose: {
      command: ['node', compiled('test/fixtures/workers/firehose.js')],
      http: true,
    },
  },
)

describe('a client that goes away cancels nothing', { concurrency: true }, () => {
  for (const server of ['direct', 'relayed']) {
    for (const tool of ['silent', 'boundary']) {
      test(`its call runs on and is read to the end (${server}, ${tool})`, async () => {
        const session = await openRaw(gateway.mcp(server))
        const leave = new AbortController()
        const call = session.call(tool, {}, { signal: leave.signal })
        await gateway.saw('exchange.started', (news) => news.session === session.handle)
        if (tool === 'boundary') assert.match((await (await call).next())?.data ?? '', /begun/)
        leave.abort()
        await call.then((answer) => answer.rest()).catch(() => undefined)
        const { cut } = await session.ask<{ cut: boolean[] }>('release')
        assert.deepEqual(cut, [false])
        await eventually(async () => {
          const { finished } = await session.ask<{ finished: number[] }>('finished')
          assert.deepEqual(finished, [1])
        })
        await eventually(() => {
          const [first] = gateway
            .seen('exchange.ended')
            .filter((news) => news.session === session.handle)
          assert.equal(first?.outcome, 'answered')
        })
      })
    }
  }

  test('not even one that had stopped reading before', async () => {
    const session = await openRaw(gateway.mcp('firehose'))
    const bytes = 30_000_000
    const leave = new AbortController()
    const answer = await session.call('pour', { bytes }, { signal: leave.signal })
    const poured = async (): Promise<number> =>
      (await session.ask<{ pouredBytes: number }>('poured')).pouredBytes
    let before = -1
    await eventually(
      async () => {
        const now = await poured()
        const isStalled = now === before
        before = now
        assert.ok(isStalled)
      },
      { everyMs: 100 },
    )
    assert.ok(before < bytes)
    leave.abort()
    await assert.rejects(answer.rest())
    await eventually(async () => assert.ok((await poured()) >= bytes))
  })
})
