import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import test from 'node:test'

import { createPorts, isPortFree } from '../../src/workers/ports.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
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

const linux = process.platform === 'linux'
const noClaims = linux ? false : 'abstract sockets are of Linux'

test(
  'a port is kept for the worker of another gateway, whoever has the claim',
  { skip: noClaims },
  async () => {
    const [clock, later] = [fakeClock(), fakeClock()]
    const [first, other, third] = [
      createPorts(clock, 10_000),
      createPorts(later, 10_000),
      createPorts(later, 10_000),
    ]
    const port = await first.take()
    assert.equal(first.hold(port), false, 'it is held already')
    assert.equal(other.hold(port), true)
    assert.equal(other.hold(port), false)
    assert.equal(third.hold(port), true)

    // The gateway that had the claim is gone when the worker ends.
    first.release(port)
    clock.advance(10_000)
    await eventually(async () => assert.equal(await isClaimed(port), false))
    other.release(port)
    third.release(port)
    await eventually(async () => assert.equal(await isClaimed(port), true))
    later.advance(9999)
    assert.equal(await isClaimed(port), true)
    later.advance(1)
    await eventually(async () => assert.equal(await isClaimed(port), false))
  },
)

/** Whether any gateway of this machine keeps others from handing it out. */
function isClaimed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: `\0mcp-berth-port-${port}` })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
