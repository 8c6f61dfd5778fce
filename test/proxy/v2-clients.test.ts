import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectV2, textOf } from '../support/mcp-client.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
const gateway = await startTestGateway(
  { after },
  { http: { command, http: true }, stdio: { command } },
)

for (const server of ['http', 'stdio']) {
  for (const mode of ['legacy', 'auto'] as const) {
    describe(`the client of SDK v2 in mode ${mode}, over ${server}`, () => {
      test('opens a session, talks in it, and leaves', async (t) => {
        const before = gateway.seen('session.opened').length
        const { client, call, terminate } = await connectV2(t, gateway.mcp(server), {
          mode,
          elicitation: ({ message }) => ({ action: 'accept', content: { answer: `${message}!` } }),
          sampling: () => 'a tip',
          roots: [{ uri: 'file:///r', name: 'r' }],
        })
        assert.equal(client.getProtocolEra(), 'legacy')
        assert.equal(gateway.seen('session.opened').length, before + 1)
        assert.equal(textOf(await call('ask', { questions: ['a', 'b'] })), '["a!","b!"]')
        assert.equal(textOf(await call('ask-aside', { question: 'c' })), '"c!"')
        assert.match(textOf(await call('sample', { prompt: 'p' })), /a tip/)
        assert.match(textOf(await call('roots')), /file:\/\/\/r/)
        const steps: number[] = []
        const onProgress = ({ progress }: { progress: number }): void => void steps.push(progress)
        assert.equal(textOf(await call('count', { to: 3 }, { onProgress })), '3')
        assert.deepEqual(steps, [1, 2, 3])
        const { session } = gateway.seen('session.opened').at(-1)!
        await terminate()
        const { reason, counts } = await gateway.saw(
          'session.closed',
          (news) => news.session === session,
        )
        assert.equal(reason, 'client-deleted')
        assert.deepEqual(counts, { calls: 5, elicitations: 3, samplings: 1, progress: 3 })
      })
    })
  }
}

test('what a client of the new era asks first is refused without a start', async (t) => {
  const before = gateway.seen('request.failed').length
  await connectV2(t, gateway.mcp('http'), { mode: 'auto' })
  const refused = gateway.seen('request.failed').slice(before)
  assert.deepEqual(
    refused.map(({ code, statusCode }) => [code, statusCode]),
    [['ERR_PROXY_ID_REQUIRED', 400]],
  )
})
