import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { mcp } from '../../src/protocols/mcp.ts'
import type { Peek } from '../../src/protocols/protocol.ts'
import { rememberEvent } from '../../src/proxy/exchange.ts'
import type { Exchange } from '../../src/proxy/exchange.ts'
import { createObserver } from '../../src/proxy/observe.ts'
import type { Session } from '../../src/sessions/session.ts'
import { fakeClock } from '../support/fake-clock.ts'

const counts = { calls: 0, elicitations: 0, samplings: 0, progress: 0 }
const session = { handle: 'h', server: { name: 's' }, counts } as unknown as Session
const read = (message: object): Peek =>
  mcp.readMessage(JSON.stringify({ jsonrpc: '2.0', ...message }), false) as Peek
const asks = (id: unknown): Peek => read({ id, method: 'elicitation/create', params: {} })
const answers = (id: unknown): Peek => read({ id, result: { action: 'accept' } })

test('of what a worker asks and nobody answers, the newest 1000 are remembered', () => {
  const observer = createObserver(session, fakeClock(), createEvents())
  for (let id = 0; id < 1500; id += 1) observer.fromWorker(asks(id))
  assert.equal(observer.fromClient(answers(499)), undefined)
  assert.equal(observer.fromClient(answers(500)), 'elicitation/create')
  assert.equal(observer.fromClient(answers(1499)), 'elicitation/create')
  assert.equal(observer.fromClient(answers(1499)), undefined, 'what was answered is forgotten')
})

test('an id that is long is none, so a thousand of them are a few hundred kilobytes', () => {
  const observer = createObserver(session, fakeClock(), createEvents())
  for (const length of [255, 256, 257, 100_000]) {
    const id = 'x'.repeat(length)
    observer.fromWorker(asks(id))
    assert.equal(observer.fromClient(answers(id)) !== undefined, length <= 256, `${length}`)
  }
})

test('of event ids the last 64 are remembered, and none that is long', () => {
  const { eventIds }: Pick<Exchange, 'eventIds'> = { eventIds: [] }
  for (let count = 0; count < 100; count += 1) {
    rememberEvent(eventIds, `id ${count}`)
    rememberEvent(eventIds, 'x'.repeat(1025))
  }
  assert.deepEqual([eventIds.length, eventIds[0], eventIds.at(-1)], [64, 'id 36', 'id 99'])
  rememberEvent(eventIds, 'x'.repeat(1024))
  assert.equal(eventIds.at(-1)?.length, 1024)
})
