import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { createPorts } from '../../src/workers/ports.ts'
import { hasCode } from '../suites/driver.ts'
import { atEnd } from '../support/at-end.ts'
import { call, open, startRig } from './rig.ts'

/** A listener that is nobody's worker. */
async function stranger(t: TestContext, host = '127.0.0.1', port = 0): Promise<number> {
  const server = createServer((socket) => socket.end('I am no MCP server.'))
  server.listen({ host, port, exclusive: true })
  await once(server, 'listening')
  atEnd(t, () => void server.close())
  return (server.address() as AddressInfo).port
}

const addresses = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address
/** Whose a listening socket is can only be found out with /proc. */
const noProc = process.platform === 'linux' ? false : 'no /proc here'
const hasIpv6 = addresses.some(({ address }) => address === '::1')

suite('an HTTP server', { concurrency: 4 }, () => {
  test('finds its port in PORT and wherever ${PORT} stands', async (t) => {
    const rig = startRig(t)
    const options = {
      http: true,
      env: { URL: 'http://localhost:${PORT}/', PORTS: '${PORT}${PORT}' },
    }
    const worker = await rig.start(['tells-who.js', '--port=${PORT}', '${PORT}'], options)
    const { port } = new URL(worker.endpoint.origin)
    const about = await call<{ args: string[]; env: Record<string, string> }>(
      worker,
      await open(worker),
      'about',
    )
    assert.deepEqual(about.args, [`--port=${port}`, port])
    assert.equal(about.env['PORT'], port)
    assert.equal(about.env['URL'], `http://localhost:${port}/`)
    assert.equal(about.env['PORTS'], `${port}${port}`)
  })

  test('is reached as localhost, which its rebinding guard lets in', async (t) => {
    const { endpoint } = await startRig(t).start(['tells-who.js'], {
      http: true,
      path: '/some/path',
    })
    const { port } = new URL(endpoint.origin)
    assert.equal(endpoint.host, `localhost:${port}`)
    assert.equal(endpoint.path, '/some/path')
    assert.equal(endpoint.ordersStreams, false)
  })

  for (const address of ['0.0.0.0', ...(hasIpv6 ? ['::'] : [])]) {
    test(
      `may listen on ${address}, but the operator is told, once`,
      { skip: noProc },
      async (t) => {
        const rig = startRig(t)
        const worker = await rig.start(['listens-on.js', address], { http: true })
        await open(worker)
        await rig.start(['listens-on.js', address], { http: true })
        const [warning = '', ...more] = rig.warnings
        assert.match(warning, /^fixture: It listens on all addresses, .* bind 127\.0\.0\.1\.$/)
        assert.deepEqual(more, [])
      },
    )
  }

  test('may listen on ::1 alone', { skip: hasIpv6 ? false : 'no IPv6 here' }, async (t) => {
    const rig = startRig(t)
    const worker = await rig.start(['listens-on.js', '::1'], { http: true })
    assert.match(worker.endpoint.origin, /^http:\/\/\[::1\]:/)
    await open(worker)
    assert.deepEqual(rig.warnings, [])
  })

  const skip = outside === undefined ? 'this machine has only loopback addresses' : noProc
  test('may not listen on another address alone', { skip }, async (t) => {
    const rig = startRig(t)
    await assert.rejects(
      rig.start(['listens-on.js', outside ?? ''], { http: true }),
      (thrown: Error) => {
        hasCode('ERR_WORKERS_NOT_LOOPBACK')(thrown)
        assert.equal(thrown.message, `The server fixture listens on ${outside}, not on loopback.`)
        return true
      },
    )
    await rig.nothingLeft()
  })

  test('is not mistaken for the stranger who took its port', { skip: noProc }, async (t) => {
    const port = await stranger(t)
    const rig = startRig(t, {
      ports: { take: () => Promise.resolve(port), hold: () => true, release: () => undefined },
    })
    const options = { http: true, startTimeoutMs: 1500 }
    await assert.rejects(rig.start(['never-listens.js'], options), (thrown: Error) => {
      hasCode('ERR_WORKERS_START_TIMEOUT')(thrown)
      assert.match(thrown.message, /listen on port \d+ \(another process does\) within 1.5 s/)
      return true
    })
    await assert.rejects(
      rig.start(['tells-who.js'], { http: true }),
      hasCode('ERR_WORKERS_EXITED_EARLY'),
    )
    // Where the addresses differ, both can listen, and the worker is found.
    const worker = await rig.start(['listens-on.js', '127.0.0.2'], { http: true })
    assert.equal(worker.endpoint.origin, `http://127.0.0.2:${port}`)
    await open(worker)
  })
})

suite('a fixed port', { concurrency: 4 }, () => {
  test('is refused when a stranger has it', async (t) => {
    const port = await stranger(t)
    const start = startRig(t).start(['tells-who.js'], { http: true, port })
    await assert.rejects(start, (thrown: Error & { retryAfterSeconds?: number }) => {
      hasCode('ERR_WORKERS_PORT_TAKEN')(thrown)
      assert.match(
        thrown.message,
        new RegExp(`^Port ${port} of server fixture is in use by another program\\. .*in PORT`),
      )
      assert.equal(thrown.retryAfterSeconds, 10)
      return true
    })
  })

  test('serves one session at a time, also when two come at once, and then the next', async (t) => {
    const port = await createPorts(systemClock, 10_000).take()
    const rig = startRig(t)
    const options = { http: true, port, env: {} }
    const both = await Promise.allSettled([
      rig.start(['tells-who.js'], options),
      rig.start(['tells-who.js'], options),
    ])
    const [one, ...more] = both.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    )
    const [refusal] = both.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    )
    assert.ok(one !== undefined && more.length === 0)
    hasCode('ERR_WORKERS_PORT_TAKEN')(refusal)
    assert.equal(new URL(one.endpoint.origin).port, String(port))
    await assert.rejects(rig.start(['tells-who.js'], options), hasCode('ERR_WORKERS_PORT_TAKEN'))

    await one.stop({ graceMs: 1000 })
    await open(await rig.start(['tells-who.js'], options))
  })

  test('is free again after a start that failed', async (t) => {
    const port = await createPorts(systemClock, 10_000).take()
    const rig = startRig(t)
    const failed = rig.start(['exits-with.js', '1'], { http: true, port })
    await assert.rejects(failed, hasCode('ERR_WORKERS_EXITED_EARLY'))
    await open(await rig.start(['tells-who.js'], { http: true, port }))
  })
})
