import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import type { BerthEvents } from '../../src/ground/events.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

const idleMs = 2500
const lifecycle = { idleMs, maxMs: 60_000 }
const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const gateway = await startTestGateway(
  { after },
  {
    http: { command: ['node', fixture('half-said')], http: true, lifecycle },
    pings: { command: ['node', fixture('pings')], http: true, lifecycle },
    'sdk-http': { command: ['node', fixture('sdk-server'), 'resumable'], http: true, lifecycle },
    'sdk-stdio': { command: ['node', fixture('sdk-server')], lifecycle },
  },
)
type Closed = BerthEvents['session.closed'] & { atMs: number }
const closings = new Map<string, Closed>()
gateway.events.on('session.closed', (news) =>
  closings.set(news.session, { ...news, atMs: performance.now() }),
)

/** Waits for the end of a session, which must be by idleness, and one idle time after `fromMs`. */
async function endsIdle(handle: string, fromMs: number): Promise<void> {
  await gateway.saw('session.closed', ({ session }) => session === handle)
  const { reason, atMs } = closings.get(handle)!
  assert.equal(reason, 'idle')
  const afterMs = atMs - fromMs
  assert.ok(afterMs > idleMs - 100, `closed after ${afterMs} ms`)
  assert.ok(afterMs < idleMs + 10_000, `closed after ${afterMs} ms`)
}

async function isOver(session: RawSession): Promise<void> {
  const late = await session.call('any')
  assert.equal(late.status, 404)
  const { data } = (await late.json()).error ?? {}
  assert.equal((data as { reason: string }).reason, 'idle')
}

const isOpen = (handle: string): void => assert.equal(closings.has(handle), false)
const newest = (): string => gateway.seen('session.live').at(-1)?.session ?? ''

describe('idleness ends a session', { concurrency: true }, () => {
  test('one idle time after its last call', async () => {
    const session = await openRaw(gateway.mcp('http'))
    await sleep(600)
    isOpen(session.handle)
    await session.ask('finished')
    const calledMs = performance.now()
    await endsIdle(session.handle, calledMs)
    await isOver(session)
  })

  test('although a stream for its messages is open', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const openedMs = performance.now()
    const stream = await session.stream()
    assert.deepEqual(await stream.rest(), [])
    await endsIdle(session.handle, openedMs)
  })

  test('although its server pings and its client answers', async () => {
    const session = await openRaw(gateway.mcp('pings'))
    const openedMs = performance.now()
    const stream = await session.stream()
    let answers = 0
    for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
      const { id } = JSON.parse(event.data) as { id: number }
      const answer = await session.post({ jsonrpc: '2.0', id, result: {} })
      if (answer.status === 202) answers += 1
    }
    assert.ok(answers >= 2)
    await endsIdle(session.handle, openedMs)
  })

  test('although its client pings', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const openedMs = performance.now()
    for (let status = 200, id = 0; status === 200; id += 1) {
      status = (await session.post({ jsonrpc: '2.0', id: `p${id}`, method: 'ping' })).status
      await sleep(200)
    }
    await endsIdle(session.handle, openedMs)
  })

  test('although a call of it runs, when the client that made the call has gone', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const answer = await session.call('boundary')
    answer.abort()
    await endsIdle(session.handle, performance.now())
    const ended = gateway.seen('exchange.ended').find((news) => news.session === session.handle)
    assert.equal(ended?.outcome, 'failed')
  })

  for (const server of ['sdk-http', 'sdk-stdio']) {
    test(`although a question is open, when whoever was asked was killed: ${server}`, async () => {
      const session = await openRaw(gateway.mcp(server))
      await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
      const answer = await session.call('ask', { questions: ['Who?'] })
      await answer.until(({ data }) => data.includes('elicitation/create'))
      answer.abort()
      await endsIdle(session.handle, performance.now())
    })
  }
})

describe('idleness does not end a session', { concurrency: true }, () => {
  for (const server of ['sdk-http', 'sdk-stdio']) {
    test(`while somebody thinks about a question: ${server}`, async (t) => {
      const { call } = await connectClient(t, gateway.mcp(server), {
        elicitation: async () => {
          await sleep(2 * idleMs + 300)
          return { action: 'accept', content: { answer: 'at last' } }
        },
      })
      const handle = newest()
      assert.equal(textOf(await call('ask', { questions: ['Well?'] })), '["at last"]')
      isOpen(handle)
      await endsIdle(handle, performance.now())
    })

    test(`while a client that lost its stream waits on another: ${server}`, async () => {
      const session = await openRaw(gateway.mcp(server))
      await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
      const answer = await session.call('ask', { questions: ['Who?'] })
      const asked = await answer.until(({ data }) => data.includes('elicitation/create'))
      answer.abort()
      const lastEventId = asked.at(-1)?.id ?? ''
      const resumed = await session.stream({ lastEventId })
      await sleep(2 * idleMs + 300)
      isOpen(session.handle)
      resumed.abort()
      await endsIdle(session.handle, performance.now())
    })
  }

  test('while a call takes long', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const call = session.call('silent')
    await sleep(2 * idleMs + 300)
    isOpen(session.handle)
    await session.ask('release')
    assert.equal((await call).status, 200)
    await endsIdle(session.handle, performance.now())
  })

  test('while its client sends notifications and answers', async () => {
    const session = await openRaw(gateway.mcp('http'))
    let lastMs = 0
    for (let at = 0; at < 6; at += 1) {
      const message = at % 2 === 0 ? { method: 'notifications/progress' } : { id: at, result: {} }
      assert.equal((await session.post({ jsonrpc: '2.0', ...message })).status, 202)
      lastMs = performance.now()
      await sleep(400)
    }
    isOpen(session.handle)
    await endsIdle(session.handle, lastMs)
  })
})
