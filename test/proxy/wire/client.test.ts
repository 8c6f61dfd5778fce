import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import { systemClock } from '../../../src/ground/clock.ts'
import { onFaults } from '../../../src/ground/guarded.ts'
import { isUnreached, whyUnreached } from '../../../src/ground/unreached.ts'
import type { Upstream } from '../../../src/proxy/client-end.ts'
import { openWire } from '../../../src/proxy/wire/client.ts'
import { atEnd } from '../../support/at-end.ts'
import { eventually } from '../../support/eventually.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { freePort } from '../../support/free-port.ts'
import { listening } from '../../support/listening.ts'
import { meanwhile } from '../../support/patience.ts'
import { answer, ask, post, startWorker } from './rig.ts'

const at = (origin: string) => ({
  ...{ origin, host: 'localhost', path: '/mcp', headers: {}, ordersStreams: false },
})

for (const isTcp of [false, true]) {
  test(`one connection carries request after request: ${isTcp ? 'TCP' : 'a unix socket'}`, async (t) => {
    const echo = { isTcp }
    const worker = await startWorker(
      t,
      (socket, _request, nth) => socket.write(answer(`${nth}`)),
      echo,
    )
    for (const expected of ['1', '2', '3']) {
      const { statusCode, body } = await ask(worker.wire)
      assert.deepEqual([statusCode, body], [200, expected])
    }
    assert.equal(worker.sockets.length, 1)
    assert.match(
      worker.requests[0] ?? '',
      /^POST \/mcp HTTP\/1\.1\r\nhost: localhost\r\n[^]*\r\n\r\n{}$/,
    )
  })
}

test('each stream has a connection of its own, and what is free is used again', async (t) => {
  const worker = await startWorker(t, () => undefined)
  const asked = [ask(worker.wire), ask(worker.wire), ask(worker.wire)]
  await eventually(() => assert.equal(worker.requests.length, 3))
  for (const [nth, socket] of worker.sockets.entries()) socket.write(answer(`${nth}`))
  const bodies = (await Promise.all(asked)).map(({ body }) => body)
  assert.deepEqual(bodies.toSorted(), ['0', '1', '2'])
  const again = [ask(worker.wire), ask(worker.wire), ask(worker.wire)]
  await eventually(() => assert.equal(worker.requests.length, 6))
  assert.equal(worker.sockets.length, 3)
  for (const socket of worker.sockets) socket.write(answer(''))
  await Promise.all(again)
})

test('a connection that the worker has closed is not used again', async (t) => {
  const worker = await startWorker(t, (socket) => socket.end(answer('x')))
  for (let nth = 1; nth <= 20; nth += 1) {
    assert.equal((await ask(worker.wire)).body, 'x')
    await eventually(() => assert.ok(worker.sockets.at(-1)?.readableEnded))
  }
  assert.equal(worker.sockets.length, 20)
})

test('nor one whose end lies unread when the next request comes', async (t) => {
  const worker = await startWorker(t, (socket) => socket.write(answer('x')), { isTcp: true })
  for (let nth = 1; nth <= 20; nth += 1) {
    assert.equal((await ask(worker.wire)).body, 'x')
    await meanwhile(60)
    // In one turn: the worker closes it, and before that could be read, it is to be used.
    worker.sockets.at(-1)?.destroy()
    assert.equal((await ask(worker.wire)).body, 'x')
  }
})

test('what breaks before an answer has failed, and is never sent again', async (t) => {
  const worker = await startWorker(t, (socket, _request, nth) => {
    if (nth === 1) socket.write(answer('x'))
    else socket.destroy()
  })
  await ask(worker.wire)
  const broken: unknown = await ask(worker.wire).catch((error: unknown) => error)
  assert.ok(!isUnreached(broken))
  assert.match(whyUnreached(broken, new URL('http://a:1')) ?? '', /closed the connection without/)
  await meanwhile(50)
  assert.equal(worker.requests.length, 2)
})

test('what comes unasked ends the connection, and is no answer to what is asked next', async (t) => {
  for (const when of ['behind the answer', 'later'] as const) {
    const evil = answer('evil')
    const worker = await startWorker(t, (socket, _request, nth) => {
      if (nth > 1) socket.write(answer('right'))
      else if (when === 'later') {
        socket.write(answer('first'))
        setImmediate(() => setImmediate(() => socket.write(evil)))
      } else socket.write(answer('first') + evil)
    })
    assert.equal((await ask(worker.wire)).body, 'first')
    await eventually(() => assert.ok(worker.sockets[0]?.readableEnded))
    assert.equal((await ask(worker.wire)).body, 'right')
    assert.equal(worker.sockets.length, 2)
  }
})

test('a server of Node that closes what is idle loses no request', async (t) => {
  const server = createServer({ keepAliveTimeout: 30 }, (request, response) => {
    request.resume().on('end', () => response.end('x'))
  })
  const wire = openWire(at(await listening(t, server)), {}, systemClock)
  atEnd(t, () => wire.destroy())
  for (let nth = 0; nth < 40; nth += 1) {
    assert.equal((await ask(wire)).body, 'x')
    await meanwhile(nth % 8)
  }
})

test('an idle connection is given up before the worker does', async (t) => {
  const hints: [string, number, number][] = [
    ['', 3900, 4100],
    ['keep-alive: timeout=10, max=5\r\n', 7900, 8100],
    ['keep-alive: timeout=9999\r\n', 599_000, 601_000],
  ]
  for (const [head, usedMs, givenUpMs] of hints) {
    const clock = fakeClock()
    const worker = await startWorker(t, (socket) => socket.write(answer('x', head)), { clock })
    await ask(worker.wire)
    clock.advance(usedMs)
    await ask(worker.wire)
    assert.equal(worker.sockets.length, 1, head)
    clock.advance(givenUpMs)
    // By itself, when it was asked nothing more.
    clock.advance(4000)
    await eventually(() => assert.ok(worker.sockets[0]?.readableEnded, head))
    assert.equal(clock.pending, 0, 'with nothing idle there is no timer')
    await ask(worker.wire)
    assert.equal(worker.sockets.length, 2, head)
  }
})

test('a connection that will not stay is not kept', async (t) => {
  for (const head of [
    'keep-alive: timeout=1\r\n',
    'connection: Close\r\n',
    'connection: a, close\r\n',
  ]) {
    const worker = await startWorker(t, (socket) => socket.write(answer('x', head)))
    await ask(worker.wire)
    await eventually(() => assert.ok(worker.sockets[0]?.readableEnded, head))
    await ask(worker.wire)
    assert.equal(worker.sockets.length, 2)
  }
})

test('an answer that ends with its connection is whole, and one that is cut is not', async (t) => {
  const until = 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n'
  const whole = await startWorker(t, (socket) => socket.end(`${until}all of it`))
  assert.equal((await ask(whole.wire)).body, 'all of it')
  const cut = await startWorker(t, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell'),
  )
  await assert.rejects(ask(cut.wire), { code: 'ECONNRESET' })
})

test('what is no HTTP breaks the request, and its connection', async (t) => {
  const worker = await startWorker(t, (socket) => socket.write('SSH-2.0-OpenSSH\r\n'))
  const broken: unknown = await ask(worker.wire).catch((error: unknown) => error)
  assert.ok(!isUnreached(broken))
  const why = whyUnreached(broken, new URL('http://a:1'))
  assert.match(why ?? '', /^what answers at a:1 does not speak HTTP/)
  await eventually(() => assert.ok(worker.sockets[0]?.readableEnded))
})

test('a request that is aborted ends its connection, and no other', async (t) => {
  const worker = await startWorker(t, (socket, _request, nth) => {
    if (nth > 2) socket.write(answer('x'))
  })
  const upstreams: Upstream[] = []
  const sent = (upstream: Upstream): void => void upstreams.push(upstream)
  const [first, second] = [ask(worker.wire, post(), { sent }), ask(worker.wire, post(), { sent })]
  await eventually(() => assert.equal(worker.requests.length, 2))
  const gone = new Error('gone')
  upstreams[0]?.abort(gone)
  await assert.rejects(first, gone)
  await eventually(() => assert.equal(worker.sockets.filter((one) => one.readableEnded).length, 1))
  const [left] = worker.sockets.filter((one) => !one.readableEnded)
  left?.write(answer('second'))
  assert.equal((await second).body, 'second')
  // What is over cannot be touched any more: its connection is another's by now.
  const third = ask(worker.wire, post(), { sent: () => upstreams[1]?.abort(gone) })
  assert.equal((await third).body, 'x')
  await assert.rejects(ask(worker.wire, post(), { sent: (upstream) => upstream.abort(gone) }), gone)
  assert.equal(worker.requests.length, 3)
})

test('a worker that nobody listens to is told from one that has cut the connection', async (t) => {
  const origin = `http://127.0.0.1:${await freePort()}`
  for (const endpoint of [at(origin), { ...at(origin), socketPath: '/tmp/is/not/there' }]) {
    const wire = openWire(endpoint, {}, systemClock)
    atEnd(t, () => wire.destroy())
    const broken: unknown = await ask(wire).catch((error: unknown) => error)
    assert.ok(isUnreached(broken), String(broken))
  }
})

test('when all are cut, what was asked breaks, and what is asked then has reached nobody', async (t) => {
  const worker = await startWorker(t, () => undefined)
  const asked = ask(worker.wire)
  await eventually(() => assert.equal(worker.requests.length, 1))
  const broken = assert.rejects(asked, { code: 'ECONNRESET' })
  await worker.wire.destroy()
  await broken
  const late: unknown = await ask(worker.wire).catch((error: unknown) => error)
  assert.ok(isUnreached(late))
  assert.equal(worker.sockets.length, 1)
})

test('a long body goes as it is read, no faster than it is taken', async (t) => {
  const worker = await startWorker(t, (socket, request) =>
    socket.write(answer(`${request.length}`)),
  )
  const bytes = 8 * 1024 * 1024
  let given = 0
  const pieces = Readable.from(
    (function* () {
      for (; given < bytes; given += 65_536) yield Buffer.alloc(65_536, 'x')
    })(),
    { highWaterMark: 1 },
  )
  const asking = { ...post(pieces), headers: { 'content-length': String(bytes) } }
  const asked = ask(worker.wire, asking)
  await once(pieces, 'data')
  assert.ok(given < bytes)
  assert.ok(Number((await asked).body) > bytes)
  // Its connection is as good as any.
  assert.equal((await ask(worker.wire)).statusCode, 200)
  assert.equal(worker.sockets.length, 1)
})

test('a body that is not as long as it says is not sent as if it were', async (t) => {
  const worker = await startWorker(t, (socket) => socket.write(answer('x')))
  for (const length of ['3', '5']) {
    const asking = {
      ...post(Readable.from([Buffer.from('four')])),
      headers: { 'content-length': length },
    }
    await assert.rejects(ask(worker.wire, asking), /than it says/)
  }
  const failing = Readable.from(
    (function* () {
      yield Buffer.from('fo')
      throw new Error('no more')
    })(),
  )
  const asking = { ...post(failing), headers: { 'content-length': '4' } }
  await assert.rejects(ask(worker.wire, asking), /no more/)
  assert.equal(worker.requests.length, 0)
})

test('an answer before the request is whole is an answer, and ends the connection', async (t) => {
  const worker = await startWorker(t, () => undefined)
  const never = new Readable({ read: () => undefined })
  const asked = ask(worker.wire, { ...post(never), headers: { 'content-length': '9' } })
  await eventually(() => assert.equal(worker.sockets.length, 1))
  worker.sockets[0]?.write(answer('no'))
  assert.equal((await asked).body, 'no')
  assert.ok(never.destroyed)
  await eventually(() => assert.ok(worker.sockets[0]?.readableEnded))
})

test('a receiver that is full holds the worker back', async (t) => {
  const worker = await startWorker(t, () => undefined)
  const whole = 64 * 1024 * 1024
  let gotBytes = 0
  let upstream: Upstream | undefined
  const asked = ask(worker.wire, post(), {
    sent: (controller) => (upstream = controller),
    head: () => upstream?.pause(),
    data: (chunk) => (gotBytes += chunk.length),
  })
  await eventually(() => assert.equal(worker.requests.length, 1))
  const [socket] = worker.sockets
  socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${whole}\r\n\r\n`)
  socket?.write(Buffer.alloc(whole))
  await meanwhile(100)
  assert.ok(gotBytes < 1024 * 1024, `${gotBytes}`)
  upstream?.resume()
  await asked
  assert.equal(gotBytes, whole)
})

test('a receiver that throws breaks off its own request, and is told', async (t) => {
  const worker = await startWorker(t, (socket) => socket.write(answer('x')))
  const faults: string[] = []
  t.after(onFaults(({ session, where }) => faults.push(`${session ?? ''} ${where}`)))
  for (const step of ['sent', 'head', 'data', 'end'] as const) {
    const failing = (): void => {
      throw new Error(step)
    }
    const broke: string[] = []
    const more = { [step]: failing, broke: ({ message }: Error) => broke.push(message) }
    await ask(worker.wire, post(), more).catch(() => undefined)
    await eventually(() => assert.deepEqual(broke, ['The answer could not be dealt with.'], step))
  }
  assert.deepEqual(faults, Array(4).fill('abc reading what a worker has answered'))
  assert.equal((await ask(worker.wire)).body, 'x')
})

test('what cannot be sent breaks its own request', async (t) => {
  const worker = await startWorker(t, (socket) => socket.write(answer('x')))
  const headers = { 'x-a': 'b\r\nc: d' }
  await assert.rejects(ask(worker.wire, { ...post(), headers }), /x-a cannot be sent/)
  assert.equal(worker.sockets.length, 0)
})
