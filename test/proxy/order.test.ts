import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { movableClock, patientClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { openRaw } from '../support/raw-session.ts'
import { meanwhile } from '../support/patience.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
const gateway = await startTestGateway(
  { after },
  {
    direct: { command, http: true },
    relayed: { command, http: true, relay: true },
    stdio: { command },
  },
  {},
  { clock: patientClock },
)
/** How long the keeper holds a call back; its clock is its own. */
const holdMs = 1000

for (const [server, rounds] of [
  ['direct', 100],
  ['relayed', 40],
  ['stdio', 100],
] as const) {
  test(`what is meant for a stream that is just being opened is never lost: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    let inTime = 0
    for (let round = 1; round <= rounds; round += 1) {
      const line = `round ${round}`
      const startedMs = performance.now()
      const opening = session.stream()
      const call = session.call('log', { line })
      const answer = await call
      const [stream, said] = await Promise.all([opening, answer.text()])
      // A machine that stands still lets go of what is held.
      if (server === 'direct' || performance.now() - startedMs < holdMs) {
        inTime += 1
        // Over stdio it may as well stand on the stream of the call.
        if (!said.includes(line)) assert.ok((await stream.next())?.data.includes(line), line)
      }
      stream.abort()
    }
    assert.ok(inTime > 0)
  })
}

test('a question on the stream that a client opens at once is answered', async (t) => {
  for (let round = 1; round <= 5; round += 1) {
    const { call } = await connectClient(t, gateway.mcp('direct'), {
      elicitation: ({ message }) => ({ action: 'accept', content: { answer: `${message}!` } }),
    })
    const result = await call('ask-aside', { question: 'Now' })
    assert.equal(textOf(result), '"Now!"')
  }
})

test('a call waits for a stream that is never answered no longer than a second', async (t) => {
  const late = await startTestGateway(t, {
    mute: { command: ['node', compiled('test/fixtures/workers/never-answers.js')], http: true },
  })
  const session = await openRaw(late.mcp('mute'))
  const opening = session.stream()
  const startedMs = performance.now()
  const answer = await session.call('any')
  assert.equal(answer.status, 200)
  assert.ok(performance.now() - startedMs >= 900)
  // Answers and notifications are not held: the worker may be waiting for them.
  const second = session.stream()
  await Promise.allSettled([opening])
  const { status } = await session.post({ jsonrpc: '2.0', id: 1, result: {} })
  assert.equal(status, 202)
  second.catch(() => undefined)
})

test('a call that was held while its client went away is no burden afterwards', async (t) => {
  const clock = movableClock()
  const mute = {
    command: ['node', compiled('test/fixtures/workers/never-answers.js')] as [string, string],
    http: true,
    lifecycle: { idleMs: 15 * 60_000, maxMs: 60 * 60_000 },
  }
  const late = await startTestGateway(t, { mute }, {}, { clock })
  const session = await openRaw(late.mcp('mute'))
  session.stream().catch(() => undefined)
  const leave = new AbortController()
  const call = session.call('any', {}, { signal: leave.signal })
  void meanwhile(300).then(() => leave.abort())
  await assert.rejects(call, { name: 'AbortError' })
  assert.equal((await late.saw('exchange.ended')).outcome, 'answered')
  await clock.advance(mute.lifecycle.idleMs)
  assert.equal((await late.saw('session.closed')).reason, 'idle')
})
