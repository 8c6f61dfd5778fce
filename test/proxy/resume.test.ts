import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { carries } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const fixture = compiled('test/fixtures/workers/sdk-server.js')
const gateway = await startTestGateway(
  { after },
  {
    http: { command: ['node', fixture, 'resumable'], http: true },
    relayed: { command: ['node', fixture, 'resumable'], http: true, relay: true },
    kept: { command: ['node', fixture], http: true, relay: true },
    stdio: { command: ['node', fixture] },
    polls: { command: ['node', compiled('test/fixtures/workers/polls.js')], http: true },
  },
)

for (const server of ['http', 'relayed']) {
  test(`a client whose server ends the stream comes back for the answer: ${server}`, async (t) => {
    const { call } = await connectClient(t, gateway.mcp(server))
    const steps: number[] = []
    const onProgress = ({ progress }: { progress: number }): void => void steps.push(progress)
    const result = await call('poll', { times: 3 }, { onProgress })
    assert.equal(textOf(result), '"polled"')
    assert.deepEqual(steps, [1, 2, 3])
    const { session } = gateway.seen('session.live').at(-1)!
    const [ended, ...more] = gateway
      .seen('exchange.ended')
      .filter((news) => news.session === session && news.method === 'tools/call')
    assert.equal(ended?.outcome, 'answered')
    assert.deepEqual(more, [])
  })
}

for (const server of ['http', 'kept', 'stdio']) {
  test(`a client that lost its stream gets what it missed: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    const call = await session.call('ask', { questions: ['Who?'] })
    const seen = await call.until(carries(({ method }) => method === 'elicitation/create'))
    const { id } = JSON.parse(seen.at(-1)?.data ?? '') as { id: number }
    const lastEventId = seen.at(-1)?.id ?? ''
    call.abort()
    const answer = { jsonrpc: '2.0', id, result: { action: 'accept', content: { answer: 'me' } } }
    assert.equal((await session.post(answer)).status, 202)
    const resumed = await session.stream({ lastEventId })
    assert.equal(resumed.status, 200)
    const rest = await resumed.until(carries((message) => message.id === 1))
    assert.match(rest.at(-1)?.data ?? '', /\[\\"me\\"\]/)
    await eventually(() =>
      assert.deepEqual(
        gateway
          .seen('exchange.ended')
          .filter((news) => news.session === session.handle)
          .map(({ outcome }) => outcome),
        ['answered'],
      ),
    )
  })
}

test('a stream that ends again without an event is not the end of the call', async () => {
  const session = await openRaw(gateway.mcp('polls'))
  const first = await session.call('wait')
  assert.deepEqual(
    (await first.rest()).map(({ id, data, retryMs }) => [id, data, retryMs]),
    [['w-0', '', 10]],
  )
  for (let tries = 0; tries < 3; tries += 1) {
    const again = await session.stream({ lastEventId: 'w-0' })
    assert.equal(again.status, 200)
    assert.deepEqual(await again.rest(), [])
  }
  await session.ask('done')
  const last = await session.stream({ lastEventId: 'w-0' })
  assert.match((await last.rest())[0]?.data ?? '', /"waited"/)
  const ended = gateway.seen('exchange.ended').filter((news) => news.session === session.handle)
  assert.deepEqual(
    ended.map(({ outcome }) => outcome),
    ['answered', 'answered'],
  )
})
