import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

// Far longer than any of this takes by itself: nothing is due before the clock is moved on.
const idleMs = 15 * 60_000
const nearlyMs = 10 * 60_000
const lifecycle = { idleMs, maxMs: 8 * 3600_000 }
const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const clock = movableClock()
const gateway = await startTestGateway(
  { after },
  {
    http: { command: ['node', fixture('half-said')], http: true, lifecycle },
    pings: { command: ['node', fixture('pings')], http: true, lifecycle },
    'sdk-http': { command: ['node', fixture('sdk-server'), 'resumable'], http: true, lifecycle },
    'sdk-stdio': { command: ['node', fixture('sdk-server')], lifecycle },
  },
  {},
  { clock },
)

/** Waits for the end of a session that was active just now: one idle time later and no sooner. */
async function endsIdle(handle: string): Promise<void> {
  await clock.advance(nearlyMs)
  isOpen(handle)
  await clock.advance(idleMs - nearlyMs)
  const { reason } = await gateway.saw('session.closed', ({ session }) => session === handle)
  assert.equal(reason, 'idle')
}

async function isOver(session: RawSession): Promise<void> {
  const late = await session.call('any')
  assert.equal(late.status, 404)
  const { data } = (await late.json()).error ?? {}
  assert.equal((data as { reason: string }).reason, 'idle')
}

const isOpen = (handle: string): void =>
  assert.ok(gateway.seen('session.closed').every(({ session }) => session !== handle))
const newest = (): string => gateway.seen('session.live').at(-1)?.session ?? ''
/** Waits until no connection of a client carries anything of a session. */
const isAlone = (handle: string): Promise<void> =>
  eventually(async () => {
    const answer = await askAdmin(gateway, `/api/sessions/${handle}`)
    assert.equal((await answer.json<{ openExchanges: number }>()).openExchanges, 0)
  })
const hasEnded = (handle: string, exchanges = 1): Promise<void> =>
  eventually(() => {
    const ended = gateway.seen('exchange.ended').filter(({ session }) => session === handle)
    assert.ok(ended.length >= exchanges)
  })

describe('idleness ends a session', () => {
  test('one idle time after its last call', async () => {
    const session = await openRaw(gateway.mcp('http'))
    await clock.advance(nearlyMs)
    isOpen(session.handle)
    await session.ask('finished')
    await endsIdle(session.handle)
    await isOver(session)
  })

  test('although a stream for its messages is open', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const stream = await session.stream()
    await endsIdle(session.handle)
    assert.deepEqual(await stream.rest(), [])
  })

  test('although its server pings and its client answers', async () => {
    const session = await openRaw(gateway.mcp('pings'))
    const stream = await session.stream()
    const answerPing = async (): Promise<void> => {
      const event = await stream.next()
      const { id } = JSON.parse(event?.data ?? '') as { id: number }
      assert.equal((await session.post({ jsonrpc: '2.0', id, result: {} })).status, 202)
    }
    await answerPing()
    await clock.advance(nearlyMs)
    await answerPing()
    await clock.advance(idleMs - nearlyMs)
    const { reason } = await gateway.saw(
      'session.closed',
      (news) => news.session === session.handle,
    )
    assert.equal(reason, 'idle')
    stream.abort()
  })

  test('although its client pings', async () => {
    const session = await openRaw(gateway.mcp('http'))
    await clock.advance(nearlyMs)
    const pinged = await session.post({ jsonrpc: '2.0', id: 'p', method: 'ping' })
    assert.equal(pinged.status, 200)
    await pinged.text()
    await clock.advance(idleMs - nearlyMs)
    const { reason } = await gateway.saw(
      'session.closed',
      (news) => news.session === session.handle,
    )
    assert.equal(reason, 'idle')
  })

  test('although a call of it runs, when the client that made the call has gone', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const answer = await session.call('boundary')
    answer.abort()
    await isAlone(session.handle)
    await endsIdle(session.handle)
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
      await isAlone(session.handle)
      await endsIdle(session.handle)
    })
  }
})

describe('idleness does not end a session', () => {
  for (const server of ['sdk-http', 'sdk-stdio']) {
    test(`while somebody thinks about a question: ${server}`, async (t) => {
      const { call } = await connectClient(t, gateway.mcp(server), {
        elicitation: async () => {
          await clock.advance(2 * idleMs)
          return { action: 'accept', content: { answer: 'at last' } }
        },
      })
      const handle = newest()
      assert.equal(textOf(await call('ask', { questions: ['Well?'] })), '["at last"]')
      isOpen(handle)
      await hasEnded(handle)
      await endsIdle(handle)
    })

    test(`while a client that lost its stream waits on another: ${server}`, async () => {
      const session = await openRaw(gateway.mcp(server))
      await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
      const answer = await session.call('ask', { questions: ['Who?'] })
      const asked = await answer.until(({ data }) => data.includes('elicitation/create'))
      answer.abort()
      const lastEventId = asked.at(-1)?.id ?? ''
      const resumed = await session.stream({ lastEventId })
      await clock.advance(2 * idleMs)
      isOpen(session.handle)
      resumed.abort()
      await isAlone(session.handle)
      await endsIdle(session.handle)
    })
  }

  test('while a call takes long', async () => {
    const session = await openRaw(gateway.mcp('http'))
    const call = session.call('silent')
    await gateway.saw('exchange.started', (news) => news.session === session.handle)
    await clock.advance(2 * idleMs)
    isOpen(session.handle)
    await session.ask('release')
    assert.equal((await call).status, 200)
    await hasEnded(session.handle, 2)
    await endsIdle(session.handle)
  })

  test('while its client sends notifications and answers', async () => {
    const session = await openRaw(gateway.mcp('http'))
    for (let at = 0; at < 4; at += 1) {
      await clock.advance(nearlyMs)
      const message = at % 2 === 0 ? { method: 'notifications/progress' } : { id: at, result: {} }
      assert.equal((await session.post({ jsonrpc: '2.0', ...message })).status, 202)
    }
    await endsIdle(session.handle)
  })
})
