import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { FreeMemory } from '../../src/workers/limits/free-memory.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const half: Record<string, TestServer> = {
  half: { command: ['node', compiled('test/fixtures/workers/half-said.js')], http: true },
}
const percent = (free: number): FreeMemory => ({ freeBytes: free, totalBytes: 100 })

test('with too little memory the longest-idle session makes room, then a new one is refused', async (t) => {
  let free = 50
  let perSession = 3
  const gateway = await startTestGateway(
    t,
    half,
    { caps: { minFreeMemory: 5 } },
    { freeMemory: () => percent(free) },
  )
  gateway.events.on('session.closed', () => (free += perSession))
  const url = gateway.mcp('half')
  const first = await openRaw(url)
  const second = await openRaw(url)
  const third = await openRaw(url)
  await first.ask('finished')
  free = 4

  const fourth = await openRaw(url)
  const closed = await gateway.saw('session.closed')
  assert.deepEqual([closed.session, closed.reason], [second.handle, 'memory-short'])
  const late = await second.call('any')
  assert.equal(late.status, 404)
  assert.match(await late.text(), /memory-short/)

  // One that ends makes too little room now: one tries, and none of the others has to end.
  free = 1
  perSession = 0
  const refusals = [
    ...(await Promise.all([1, 2, 3].map(() => postRpc(url, initializeMessage())))),
    await postRpc(url, initializeMessage()),
  ]
  for (const refused of refusals) {
    assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '10'])
    assert.match(await refused.text(), /ERR_WORKERS_MEMORY/)
  }
  const evicted = gateway.seen('session.closed').filter(({ reason }) => reason === 'memory-short')
  assert.deepEqual(
    evicted.map(({ session }) => session),
    [second.handle, third.handle],
  )
  for (const other of [first, fourth]) assert.deepEqual(await other.ask('any'), { tool: 'any' })

  free = 5
  await (await openRaw(url)).remove()
})

test('where the system tells nothing, or nobody asks, workers start', async (t) => {
  for (const [minFreeMemory, memory] of [
    [5, undefined],
    [0, percent(0)],
  ] as const) {
    const gateway = await startTestGateway(
      t,
      half,
      { caps: { minFreeMemory } },
      { freeMemory: () => memory },
    )
    await openRaw(gateway.mcp('half'))
  }
})

test('with too little memory a warm worker is still claimed, and the others end before sessions', async (t) => {
  let free = 50
  const stocked = {
    stocked: {
      command: ['node', compiled('test/fixtures/workers/tells-who.js')],
      warm: { min: 2, max: 2, maxAgeMs: 3_600_000 },
    },
  } satisfies Record<string, TestServer>
  const gateway = await startTestGateway(
    t,
    stocked,
    { caps: { minFreeMemory: 5 } },
    { freeMemory: () => percent(free) },
  )
  await eventually(() => assert.equal(gateway.seen('warm.started').length, 2))
  free = 4
  const session = await openRaw(gateway.mcp('stocked'))
  const claimed = await gateway.saw('warm.claimed')
  const retired = await gateway.saw('warm.retired')
  assert.equal(claimed.session, session.handle)
  assert.notEqual(retired.session, session.handle)
  assert.equal(gateway.seen('session.closed').length, 0)
})
