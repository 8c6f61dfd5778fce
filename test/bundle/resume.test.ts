import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { carries } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'

const owner = { after }
const fixture = compiled('test/fixtures/workers/sdk-server.js')

describe('a client of a bundle that lost its stream', async () => {
  const far = await startTestGateway(owner, {
    far: { command: ['node', fixture, 'resumable'], http: true },
  })
  const gateway = await startTestGateway(
    owner,
    {
      stdio: { command: ['node', fixture] },
      http: { command: ['node', fixture, 'resumable'], http: true },
      url: { url: far.mcp('far') },
    },
    { bundles: { team: { servers: '*' } } },
  )
  const open = async () => {
    const session = await openRaw(gateway.bundle('team'))
    await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return session
  }

  for (const server of ['stdio', 'http', 'url']) {
    test(`gets the answer of a call that it missed: ${server}`, async () => {
      const session = await open()
      const call = await session.call(`${server}_ask`, { questions: ['Who?'] })
      const seen = await call.until(carries(({ method }) => method === 'elicitation/create'))
      const { id } = JSON.parse(seen.at(-1)?.data ?? '') as { id: string }
      const lastEventId = seen.at(-1)?.id ?? ''
      assert.ok(lastEventId.startsWith(`${server}~`), lastEventId)
      call.abort()
      const result = { action: 'accept', content: { answer: 'me' } }
      assert.equal((await session.post({ jsonrpc: '2.0', id, result })).status, 202)
      const resumed = await session.stream({ lastEventId })
      assert.equal(resumed.status, 200)
      const rest = await resumed.until(carries((message) => message.id === 1))
      assert.match(rest.at(-1)?.data ?? '', /\[\\"me\\"\]/)
      assert.ok(rest.at(-1)?.id?.startsWith(`${server}~`))
    })
  }

  test('comes back where a server ends the stream on purpose', async () => {
    const { call } = await connectClient(owner, gateway.bundle('team'))
    const steps: number[] = []
    const onProgress = ({ progress }: { progress: number }): void => void steps.push(progress)
    assert.equal(textOf(await call('http_poll', { times: 3 }, { onProgress })), '"polled"')
    assert.deepEqual(steps, [1, 2, 3])
  })

  test('gets the news of all its servers that it missed, once and in order', async () => {
    const session = await open()
    // What a stdio server says during a call comes with the answer, as it does without a bundle.
    const isLine = (line: string) => carries(({ params }) => params?.['data'] === line)
    const first = await session.stream()
    await session.ask('url_log', { line: 'one' })
    const lastEventId = (await first.until(isLine('one'))).at(-1)?.id ?? ''
    assert.ok(lastEventId.startsWith('berth~'), lastEventId)
    // Sent to the old stream, and missed by a client that says it has not seen them.
    await session.ask('http_log', { line: 'two' })
    await first.until(isLine('two'))
    await session.ask('url_log', { line: 'three' })
    await first.until(isLine('three'))
    first.abort()
    const again = await session.stream({ lastEventId })
    const missed = await again.until(isLine('three'))
    const lines = missed.map(({ data }) => (JSON.parse(data) as { params: object }).params)
    assert.deepEqual(
      lines.map((params) => (params as { data: string }).data),
      ['two', 'three'],
    )
    await session.ask('url_log', { line: 'four' })
    assert.equal((await again.until(isLine('four'))).length, 1)
    again.abort()
  })
})
