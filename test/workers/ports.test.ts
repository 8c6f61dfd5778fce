import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import test from 'node:test'

import { createPorts, isPortFree } from '../../src/workers/ports.ts'
import { atEnd } from '../support/at-end.ts'
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

test('two gateways give no port twice, and none that the system gives away by itself', async (t) => {
  const clock = fakeClock()
  const two = [createPorts(clock, 10_000), createPorts(clock, 10_000)]
  const taken = await Promise.all(
    two.flatMap((ports) => Array.from({ length: 500 }, () => ports.take())),
  )
  assert.equal(new Set(taken).size, 1000)
  const system = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      atEnd(t, () => void server.close())
      return (server.address() as AddressInfo).port
    }),
  )
  const firstOfSystem = Math.min(...system)
  assert.ok(taken.every((port) => port < firstOfSystem))
})
