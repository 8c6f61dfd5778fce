import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, connectV2, textOf } from '../support/mcp-client.ts'
import type { ConnectOptions } from '../support/mcp-client.ts'

// That of fastmcp is in test/e2e/python.test.ts, which plays over both paths.
const gateway = await startTestGateway(
  { after },
  { sdk: { command: ['node', compiled('test/fixtures/workers/sdk-server.js')], http: true } },
)
const { url } = gateway.runtime('sdk')

describe('MCP clients at the path of AgentCore', { concurrency: 2 }, () => {
  for (const [name, connect] of [
    ['SDK v1', connectClient],
    [
      'SDK v2, which asks for the modern era first',
      (...[t, at, options]: Parameters<typeof connectClient>) =>
        connectV2(t, at, { ...options, mode: 'auto' }),
    ],
  ] as const) {
    it(`${name}: elicitation, sampling, progress, roots, and an end`, async (t) => {
      const steps: number[] = []
      const options: ConnectOptions = {
        elicitation: ({ message }) => ({ action: 'accept', content: { answer: `${message}!` } }),
        sampling: () => 'a model says so',
        roots: [{ uri: 'file:///here' }],
      }
      const connected = await connect(t, url, options)
      const { call } = connected
      assert.equal(textOf(await call('ask', { questions: ['a', 'b'] })), '["a!","b!"]')
      assert.equal(textOf(await call('ask-aside', { question: 'c' })), '"c!"')
      assert.match(textOf(await call('sample', { prompt: 'p' })), /a model says so/)
      assert.equal(textOf(await call('roots')), '[{"uri":"file:///here"}]')
      const onProgress = ({ progress }: { progress: number }) => steps.push(progress)
      assert.equal(textOf(await call('count', { to: 3 }, { onProgress })), '3')
      assert.deepEqual(steps, [1, 2, 3])
      await connected.terminate()
      await assert.rejects(call('pid'))
    })
  }
})
