import assert from 'node:assert/strict'
import test from 'node:test'

import { createPorts, isPortFree } from '../../src/workers/ports.ts'
import { fakeClock } from '../support/fake-clock.ts'

test('a port is given to nobody else until some time after its worker has ended', async () => {
  const clock = fakeClock()
  const ports = createPorts(clock, 10_000)
  const port = await ports.take()
  assert.ok(await isPortFree(port))
  // However long its worker takes to listen.
  clock.advance(60_000)
  const others = new Set(await Promise.all(Array.from({ length: 200 }, () => ports.take())))
  assert.equal(others.size, 200)
  assert.ok(!others.has(port))
  ports.release(port)
  assert.equal(clock.pending, 1)
  clock.advance(10_000)
  assert.equal(clock.pending, 0)
})
