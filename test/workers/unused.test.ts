import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { createUnused } from '../../src/workers/unused.ts'

const of = (workerId: string) => ({
  session: workerId,
  server: 'some',
  workerId,
  driver: 'process',
})

test('the end of a worker that never had a session says so, and why it was ended', () => {
  const events = createEvents()
  const unused = createUnused(events)
  for (const id of ['old', 'fell', 'claimed']) unused.add(id)
  events.emit('warm.retired', { ...of('old'), reason: 'age' })
  events.emit('warm.retired', { ...of('fell'), reason: 'exited' })
  events.emit('warm.claimed', { ...of('claimed'), waitedMs: 1 })
  assert.deepEqual(unused.take('old'), { warm: true, how: 'nobody needed it (age)' })
  assert.deepEqual(unused.take('fell'), { warm: true })
  assert.deepEqual(unused.take('claimed'), {})
  assert.deepEqual(unused.take('old'), {})
})
