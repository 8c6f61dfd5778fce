import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import test from 'node:test'

import { isWithin, portsOf } from '../../src/ground/port-range.ts'
import { createPorts, isPortFree } from '../../src/workers/ports.ts'
import { findSystemPorts } from '../../src/ground/system-ports.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { hasCode } from '../suites/driver.ts'

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
  const { ephemeral } = findSystemPorts()
  assert.ok(system.every((port) => isWithin(port, ephemeral)))
  assert.ok(!taken.some((port) => isWithin(port, ephemeral)))
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

test('what anybody listens on is given to no worker, on whichever address', async (t) => {
  const hosts = ['0.0.0.0', '127.0.0.2', '::', '::1']
  const addresses = linux ? hosts : ['0.0.0.0', '::1']
  const { range, ports } = await fewPorts(addresses.length + 2)
  const [first = 0, ...others] = portsOf(range)
  for (const [at, host] of addresses.entries()) {
    const server = createServer()
    atEnd(t, () => void server.close())
    // A machine may have no IPv6, and then nobody listens on it.
    server.on('error', () => undefined).listen({ host, port: others[at], ipv6Only: host === '::' })
    await once(server, 'listening')
  }
  const free = others.slice(addresses.length)
  const taken = await Promise.all([ports.take(), ports.take()])
  assert.deepEqual(
    taken.sort((a, b) => a - b),
    [first, ...free],
  )
})

test('when the ports have run out it says which, until one has rested', async () => {
  const clock = fakeClock()
  const { range, ports } = await fewPorts(3, clock)
  const taken = await Promise.all([ports.take(), ports.take(), ports.take()])
  const refused = await ports.take().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  hasCode('ERR_WORKERS_NO_PORT')(refused)
  assert.match(
    String(refused),
    new RegExp(`each of the 3 of workerPorts \\(${range.first}-${range.last}\\) is`),
  )
  ports.release(taken[1])
  await assert.rejects(ports.take(), hasCode('ERR_WORKERS_NO_PORT'))
  clock.advance(10_000)
  assert.equal(await ports.take(), taken[1])
})

/** Behind what other tests have drawn. */
let next = 21_000

/** Neighbours that nobody uses, and what hands out them alone. */
async function fewPorts(count: number, clock = fakeClock()) {
  for (;;) {
    const range = { first: next, last: next + count - 1 }
    next += count
    const all = await Promise.all(portsOf(range).map(isPortFree))
    if (all.every(Boolean)) return { range, ports: createPorts(clock, 10_000, { range }) }
  }
}

/** Whether any gateway of this machine keeps others from handing it out. */
function isClaimed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: `\0mcp-berth-port-${port}` })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
