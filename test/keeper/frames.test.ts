import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { test } from 'node:test'

import { writeRequest } from '../../src/ground/frame-heads.ts'
import { frames, windowBytes } from '../../src/ground/frames.ts'
import { isUnreached } from '../../src/ground/unreached.ts'
import type { Asked, Reply } from '../../src/keeper/reply.ts'
import type { Upstream } from '../../src/proxy/client-end.ts'
import { openFrameUpstreams } from '../../src/proxy/frame-upstreams.ts'
import type { Upstreams } from '../../src/proxy/asking.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { startFrames } from './framed.ts'
import type { FrameStand } from './framed.ts'

const mebibyte = 1024 * 1024

/** What has come of a request so far. */
interface Came {
  upstream: Upstream | undefined
  statusCode: number
  bytes: number
  text: string
  ends: number
  causes: Error[]
  /** Settles when nothing more is to come. */
  over: Promise<void>
}

function ask(
  upstreams: Upstreams,
  {
    method = 'POST',
    body = null,
  }: { method?: 'GET' | 'POST'; body?: string | Readable | null } = {},
): Came {
  let settle = (): void => undefined
  const over = new Promise<void>((resolve) => (settle = resolve))
  const none = { upstream: undefined, statusCode: 0, bytes: 0, text: '', ends: 0 }
  const came: Came = { ...none, causes: [], over }
  upstreams.dispatch(
    {
      method,
      path: '/mcp',
      headers: {},
      body: typeof body === 'string' ? Buffer.from(body) : body,
    },
    {
      sent: (upstream) => (came.upstream = upstream),
      head: (statusCode) => (came.statusCode = statusCode),
      data(chunk) {
        came.bytes += chunk.length
        if (came.bytes < 1000) came.text += chunk.toString()
      },
      end() {
        came.ends += 1
        settle()
      },
      broke(cause) {
        came.causes.push(cause)
        settle()
      },
    },
  )
  return came
}

type Serve = (asked: Asked, reply: Reply) => void

async function start(t: TestContext, serve: Serve) {
  const stand = await startFrames(t, serve)
  const gateway = (): Upstreams => {
    const upstreams = openFrameUpstreams(stand.endpoint, {})
    atEnd(t, () => upstreams.destroy())
    return upstreams
  }
  return { ...stand, gateway }
}

const answer = (reply: Reply, text: string): void => {
  reply.writeHead(200, { 'content-type': 'application/json' })
  reply.end(text)
}
const echo: Serve = ({ body }, reply) => answer(reply, body ?? 'too long')

test('many requests go over one connection, also those that were asked before it was there', async (t) => {
  const { gateway, connections } = await start(t, echo)
  const upstreams = gateway()
  const early = ['1', '2', '3'].map((body) => ask(upstreams, { body }))
  await Promise.all(early.map(({ over }) => over))
  const late = ask(upstreams, { body: 'late' })
  await late.over
  assert.deepEqual(
    [...early, late].map(({ statusCode, text, ends }) => [statusCode, text, ends]),
    ['1', '2', '3', 'late'].map((text) => [200, text, 1]),
  )
  assert.equal(connections(), 1)
})

test('a body goes in pieces, and one that breaks off is never served', async (t) => {
  let served = 0
  const { gateway } = await start(t, ({ body }, reply) => {
    served += 1
    answer(reply, String(body?.length))
  })
  const upstreams = gateway()
  const long = 'x'.repeat(3 * mebibyte)
  const whole = ask(upstreams, { body: long })
  const piece = Buffer.alloc(100_000, 'y')
  const pieces = ask(upstreams, { body: Readable.from([piece, piece, piece]) })
  await Promise.all([whole.over, pieces.over])
  assert.deepEqual([whole.text, pieces.text], [String(long.length), '300000'])

  async function* breaking(): AsyncGenerator<Buffer> {
    yield await Promise.resolve(piece)
    throw new Error('The client has gone.')
  }
  const broken = ask(upstreams, { body: Readable.from(breaking()) })
  await broken.over
  assert.match(broken.causes[0]?.message ?? '', /client has gone/)
  const next = ask(upstreams, { body: 'next' })
  await next.over
  assert.equal(next.text, '4')
  assert.equal(served, 3)
})

test('a stream that nobody reads holds back nothing but itself', async (t) => {
  let poured: Reply | undefined
  const { gateway, frames: server } = await start(t, (asked, reply) => {
    if (asked.method === 'POST') echo(asked, reply)
    else {
      poured = reply
      reply.writeHead(200, { 'content-type': 'text/event-stream' })
    }
  })
  const upstreams = gateway()
  const stalled = ask(upstreams, { method: 'GET' })
  await eventually(() => assert.equal(stalled.statusCode, 200))
  stalled.upstream?.pause()
  const reply = poured ?? assert.fail()
  const event = 'x'.repeat(1000)
  for (let count = 0; count < 3000; count += 1) reply.write(event, 'utf8')
  // What is not in the window waits where it can be seen, and broken off.
  assert.ok(reply.writableLength > 2 * mebibyte)
  for (let count = 0; count < 50; count += 1) {
    const beside = ask(upstreams, { body: `${count}` })
    await beside.over
    assert.equal(beside.text, String(count))
  }
  assert.equal(stalled.bytes, 0)
  assert.ok(reply.writableLength >= 3_000_000 - windowBytes)
  stalled.upstream?.resume()
  await eventually(() => assert.equal(stalled.bytes, 3_000_000))
  assert.ok(!server.leave(), 'it is not over')
  reply.end('!')
  await stalled.over
  assert.deepEqual([stalled.bytes, stalled.ends], [3_000_001, 1])
  await eventually(() => assert.ok(server.leave()))
})

test('a client that goes is told to the keeper, and to nobody else', async (t) => {
  const replies: Reply[] = []
  const closed: number[] = []
  const { gateway } = await start(t, (_asked, reply) => {
    const at = replies.push(reply) - 1
    reply.on('close', () => closed.push(at))
    reply.writeHead(200, {})
  })
  const upstreams = gateway()
  const [one, other] = [ask(upstreams), ask(upstreams)]
  await eventually(() => assert.equal(other.statusCode, 200))
  one.upstream?.abort(new Error('gone'))
  assert.deepEqual(one.causes.map(String), ['Error: gone'])
  await eventually(() => assert.deepEqual(closed, [0]))
  assert.ok(replies[0]?.destroyed)
  replies[0].write('too late', 'utf8')
  replies[1]?.end('in time')
  await other.over
  assert.equal(other.text, 'in time')
  assert.deepEqual([one.text, one.ends, one.causes.length], ['', 0, 1])
})

test('a fault costs its stream, and no other', async (t) => {
  const { gateway, faults } = await start(t, (asked, reply) => {
    if (asked.body === 'fault') throw new Error('a fault of ours')
    echo(asked, reply)
  })
  const upstreams = gateway()
  const wrong = ask(upstreams, { body: 'fault' })
  const right = ask(upstreams, { body: 'right' })
  await Promise.all([wrong.over, right.over])
  assert.equal(wrong.causes.length, 1)
  assert.ok(!isUnreached(wrong.causes[0]))
  assert.equal(right.text, 'right')
  assert.equal(faults.length, 1)

  let causes = 0
  const bad = new Promise<void>((resolve) => {
    upstreams.dispatch(
      { method: 'POST', path: '/mcp', headers: {}, body: Buffer.from('x') },
      {
        sent: () => undefined,
        head() {
          throw new Error('a fault of the receiver')
        },
        data: () => undefined,
        end: () => assert.fail('it was broken off'),
        broke() {
          causes += 1
          resolve()
        },
      },
    )
  })
  await bad
  const after = ask(upstreams, { body: 'after' })
  await after.over
  assert.deepEqual([after.text, causes], ['after', 1])
})

test('when the connection breaks, what is on it ends, and the next request opens another', async (t) => {
  const replies: Reply[] = []
  const stand = await start(t, (_asked, reply) => {
    replies.push(reply)
    reply.writeHead(200, {})
  })
  const [one, other] = [stand.gateway(), stand.gateway()]
  const cut = [ask(one), ask(one)]
  const beside = ask(other)
  await eventually(() => assert.ok([...cut, beside].every(({ statusCode }) => statusCode === 200)))
  await one.destroy()
  for (const { causes, ends } of cut) {
    assert.deepEqual([causes.length, ends], [1, 0])
    // It may have reached the worker, and is not sent again.
    assert.ok(!isUnreached(causes[0]))
  }
  await eventually(() => assert.equal(replies.filter(({ destroyed }) => destroyed).length, 2))
  const next = ask(one)
  await eventually(() => assert.equal(next.statusCode, 200))
  assert.equal(stand.connections(), 3)
  replies.find(({ destroyed }) => !destroyed)?.end('beside')
  await beside.over
  assert.equal(beside.text, 'beside')
})

test('where nobody listens, nothing was reached', async (t) => {
  const { endpoint } = await start(t, echo)
  const nowhere = openFrameUpstreams({ ...endpoint, socketPath: `${endpoint.socketPath}x` }, {})
  const [one, aborted] = [ask(nowhere), ask(nowhere)]
  aborted.upstream?.abort(new Error('gone'))
  await one.over
  assert.ok(isUnreached(one.causes[0]))
  assert.deepEqual(aborted.causes.map(String), ['Error: gone'])
})

/** Speaks frames by hand. */
async function speak(t: TestContext, { endpoint }: Pick<FrameStand, 'endpoint'>): Promise<Socket> {
  const socket = connect(endpoint.socketPath ?? '')
  atEnd(t, () => void socket.destroy())
  socket.on('error', () => undefined)
  socket.write('GET /keeper/frames HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  const [head] = (await once(socket, 'data')) as [Buffer]
  assert.match(head.toString(), /^HTTP\/1\.1 101 .*\r\n\r\n$/s)
  return socket
}

function frame(type: number, stream: number, payload: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(payload)
  const head = Buffer.alloc(9)
  head.writeUInt32BE(bytes.length)
  head[4] = type
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, bytes])
}

const opening = writeRequest('GET', {}, undefined, true) ?? Buffer.alloc(0)
const open = frame(frames.open, 1, opening)
const partial = frame(frames.open, 1, writeRequest('POST', {}, undefined, false))
const wrong: [string, Buffer[]][] = [
  ['a type that there is not', [frame(99, 1)]],
  ['what only a keeper says', [open, frame(frames.data, 1, 'x')]],
  ['a length without end', [Buffer.alloc(9, 0xff)]],
  ['a request that is none', [frame(frames.open, 1, 'POST')]],
  ['a number that was used', [open, open]],
  ['the number 0', [frame(frames.open, 0, opening)]],
  ['a stream that was never opened', [open, frame(frames.cancel, 2)]],
  ['more of a request that was complete', [open, frame(frames.body, 1, 'x')]],
  ['more window than was used', [open, frame(frames.window, 1, '\0\0\0\x01')]],
  ['a window without a size', [open, frame(frames.window, 1)]],
  ['a cancellation with more in it', [partial, frame(frames.cancel, 1, 'x')]],
]

test('whoever breaks the rules is cut off, and no other gateway', async (t) => {
  const replies: Reply[] = []
  const stand = await start(t, (asked, reply) => {
    if (asked.method === 'POST') echo(asked, reply)
    else reply.writeHead(200, {})
    replies.push(reply)
  })
  const upstreams = stand.gateway()
  for (const [what, bytes] of wrong) {
    const socket = await speak(t, stand)
    const closed = once(socket, 'close')
    for (const each of bytes) socket.write(each)
    await closed
    const beside = ask(upstreams, { body: what })
    await beside.over
    assert.equal(beside.text, what)
  }
  assert.ok(replies.every(({ destroyed }) => destroyed))
  assert.deepEqual(stand.faults, [])
  assert.equal(stand.connections(), wrong.length + 1)
})

test('what comes for a stream that is over is let be', async (t) => {
  const stand = await start(t, echo)
  const socket = await speak(t, stand)
  const rest = [frame(frames.cancel, 1), frame(frames.body, 1, 'x'), frame(frames.lastBody, 1)]
  socket.write(Buffer.concat([partial, ...rest, frame(frames.window, 1, '\0\0\x01\0')]))
  const got = once(socket, 'data')
  socket.write(frame(frames.open, 2, writeRequest('POST', {}, Buffer.from('still here'), true)))
  const [bytes] = (await got) as [Buffer]
  assert.match(bytes.toString(), /still here/)
})

test('a gateway does not believe a keeper that breaks the rules', async (t) => {
  const said: [string, Buffer][] = [
    ['an answer without a head', frame(frames.data, 1, 'x')],
    ['an end without a head', frame(frames.end, 1)],
    ['a head that is none', frame(frames.head, 1, 'x')],
    ['two heads', Buffer.concat([frame(frames.head, 1, '200'), frame(frames.head, 1, '200')])],
    ['a stream that was not opened', frame(frames.head, 2, '200')],
    ['what only a gateway says', frame(frames.open, 1, opening)],
    [
      'more than the window',
      Buffer.concat([
        frame(frames.head, 1, '200'),
        ...Array.from({ length: 5 }, () => frame(frames.data, 1, Buffer.alloc(64 * 1024))),
      ]),
    ],
  ]
  for (const [what, bytes] of said) {
    const stand = await startFrames(t, (_asked, reply) => {
      // Its own frames are not wanted.
      sockets.at(-1)?.write(bytes)
      reply.on('close', () => undefined)
    })
    const sockets: Socket[] = []
    stand.server.on('connection', (socket: Socket) => sockets.push(socket))
    const upstreams = openFrameUpstreams(stand.endpoint, {})
    atEnd(t, () => upstreams.destroy())
    const came = ask(upstreams)
    came.upstream?.pause()
    await once(stand.server, 'connection')
    const [socket] = sockets
    await once(socket ?? assert.fail(), 'close')
    came.upstream?.resume()
    await came.over
    assert.deepEqual([came.causes.length, came.ends], [1, 0], what)
    assert.ok(!isUnreached(came.causes[0]), what)
  }
})
