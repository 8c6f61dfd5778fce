import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { startTestGateway } from '../support/gateway.ts'
import { connectV2, textOf } from '../support/mcp-client.ts'
import type { ConnectV2Options } from '../support/mcp-client.ts'
import { demoServers, transports } from './transports.ts'

const gateway = await startTestGateway({ after }, demoServers('trip-planner'))
const { stdio } = demoServers('trip-planner')
const lone = await startTestGateway({ after }, { probed: stdio, pinned: stdio })
const answers = { destination: 'Porto', kind: 'beach', nights: 2, adults: 1, book: true }

describe('the v2 client', { concurrency: 4 }, () => {
  for (const transport of transports) {
    for (const mode of ['legacy', 'auto'] as const) {
      it(`in ${mode} mode is asked, sampled and told of progress over ${transport}`, async (t) => {
        const questions: string[] = []
        const steps: number[] = []
        const { client, call, sessionId, terminate } = await connect(t, transport, {
          mode,
          elicitation: ({ message }) => {
            questions.push(message)
            return { action: 'accept', content: answers }
          },
          sampling: () => 'Swim.',
          onProgress: ({ progress }) => steps.push(progress),
        })
        assert.equal(client.getProtocolEra(), 'legacy')
        assert.ok(sessionId)
        const result = await call('plan_trip')
        const { outcome, tips } = result.structuredContent as Record<string, string>
        assert.deepEqual([outcome, tips], ['booked', 'Swim.'])
        assert.equal(questions.length, 5)
        assert.deepEqual(steps, [1, 2, 3, 4, 5])
        await terminate()
      })
    }
  }

  it('in auto mode has one worker started, and none by its probe', async (t) => {
    const { client } = await connect(t, 'probed', { mode: 'auto' })
    assert.equal(client.getProtocolEra(), 'legacy')
    const { tools } = await client.listTools()
    assert.equal(tools.length, 3)
    const opened = lone.seen('session.opened')
    assert.deepEqual([opened.length, lone.seen('worker.started').length], [1, 1])
  })

  it('pinned to the modern era is told no, and nothing is started', async (t) => {
    await assert.rejects(connect(t, 'pinned', { mode: { pin: '2026-07-28' } }), {
      code: 'ERA_NEGOTIATION_FAILED',
    })
    assert.ok(lone.seen('session.opened').every(({ server }) => server === 'probed'))
  })

  it('hears a declined and a cancelled question as such', async (t) => {
    for (const [action, text] of [
      ['decline', 'There is no trip without a destination, so nothing was planned.'],
      ['cancel', 'You cancelled at the question about the destination. Nothing was done.'],
    ] as const) {
      const { call } = await connect(t, 'stdio', { mode: 'auto', elicitation: () => ({ action }) })
      assert.equal(textOf(await call('plan_trip')), text)
    }
  })
})

function connect(t: TestContext, server: string, options: ConnectV2Options) {
  const at = ['probed', 'pinned'].includes(server) ? lone : gateway
  return connectV2(t, at.mcp(server), options)
}
