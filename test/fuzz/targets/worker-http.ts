import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import fc from 'fast-check'

import type { TestServer } from '../../support/config.ts'
import { compiled } from '../../support/config.ts'
import { tryBatches } from '../fuzz.ts'
import { createLane } from '../lane.ts'
import type { Asked } from '../speaker.ts'
import { reply, startHttpSpeaker } from '../speaker.ts'
import { startStand } from '../stand.ts'
import type { Target } from '../target.ts'
import { messageText, nastyBytes, nastyText } from '../values.ts'

const statusLine = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .constantFrom(200, 200, 200, 202, 204, 206, 301, 307, 308, 400, 401, 404, 405, 500, 503)
      .map((status) => `HTTP/1.1 ${status} Said`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        'HTTP/1.1 100 Continue',
        'HTTP/1.1 101 Switching',
        'HTTP/1.1 103 Early',
        'HTTP/1.0 200 OK',
      ],
      ...['HTTP/1.1 000 No', 'HTTP/1.1 999 Yes', 'HTTP/1.1 99999 x', 'HTTP/2 200', 'HTTP/1.1 200'],
      ...[
        '',
        'hello',
        'GET / HTTP/1.1',
        'HTTP/1.1 -1 x',
        'HTTP/1.1 304 Same',
        'HTTP/1.1 205 Reset',
      ],
    ),
  },
)

const header = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...['content-type: application/json', 'content-type: text/event-stream', 'content-type: '],
      ...['Content-Type: application/json', 'content-type: text/event-stream; charset=x; a="'],
      ...['mcp-session-id: own', 'mcp-session-id: other', 'mcp-session-id: ', 'connection: close'],
      ...['content-length: 5', 'content-length: 0', 'content-length: -1', 'content-length: 1e9'],
      ...['transfer-encoding: chunked', 'transfer-encoding: gzip, chunked', 'trailer: x'],
      ...['content-encoding: gzip', 'location: http://[', 'location: /mcp', 'location: //x:y/'],
      ...['set-cookie: a=b', 'set-cookie: c=d', 'www-authenticate: Bearer', 'x-berth-carries: 1'],
      ...['upgrade: websocket', 'connection: upgrade, mcp-session-id', 'keep-alive: timeout=0'],
      ...['access-control-allow-origin: *', 'date: never', 'vary: *', 'retry-after: 1e9', 'a'],
      ...['__proto__: x', 'constructor: x', ': x', 'x y: z', ' folded: x', 'x-\u00e9: \u00e9'],
    ),
  },
  { weight: 1, arbitrary: nastyText.map((text) => `x-said: ${text}`) },
  { weight: 1, arbitrary: nastyText },
  { weight: 1, arbitrary: fc.constantFrom(20_000, 100_000).map((n) => `x: ${'y'.repeat(n)}`) },
)

const event = fc
  .tuple(
    fc.array(
      fc.oneof(
        messageText.map((text) => `data: ${text}`),
        fc.constantFrom('id: 1', 'id:', 'id: \0', 'event: message', 'retry: 1', 'retry: x', ':'),
        nastyText.map((text) => `id: ${text}`),
        nastyText,
      ),
      { maxLength: 3 },
    ),
    fc.constantFrom('\n', '\r\n', '\r'),
  )
  .map(([lines, end]) => `${lines.join(end)}${end}${end}`)

const body = fc.oneof(
  messageText,
  fc.array(event, { maxLength: 4 }).map((events) => events.join('')),
  fc.constantFrom('', '0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', 'ffffffffffffffff\r\n'),
  nastyBytes,
)

const lanes = ['direct', 'relayed', 'remote'] as const

/** When, and of which server: a session whose first answer is wrong takes a process with it. */
const moment = fc.oneof(
  ...(
    [
      [80, 'remote', false],
      [16, 'direct', false],
      [24, 'relayed', false],
      [16, 'remote', true],
      [1, 'direct', true],
      [1, 'relayed', true],
    ] as const
  ).map(([weight, lane, isFirst]) => ({ weight, arbitrary: fc.constant({ lane, isFirst }) })),
)

/** One answer, to whatever comes first: a session that opens, or a call of an open one. */
const said = fc.record({
  moment,
  /** A body that goes with its length, or whatever. */
  isWhole: fc.boolean(),
  statusLine,
  headers: fc.array(header, { maxLength: 5 }),
  body,
  then: fc.constantFrom('end', 'reset', 'keep'),
})

type Said = typeof said extends fc.Arbitrary<infer T> ? T : never

const size = 100
/** How long what has no end goes on. */
const keptMs = 15

/** What an HTTP worker answers: near, behind its keeper, and at another address. */
export const workerHttp: Target = {
  name: 'worker-http',
  about: 'heads, bodies and events of an HTTP server, before and after initialize',
  share: 1000,
  async run(t, cases) {
    const speakers = await Promise.all(lanes.map(() => startHttpSpeaker(t)))
    const server = (socket: string): TestServer => ({
      command: ['node', compiled('test/fixtures/workers/says-anything.js')],
      env: { PATH: process.env['PATH'] ?? '', SAYS_SOCKET: socket },
      http: true,
      graceMs: 100,
    })
    const stand = await startStand(t, {
      servers: {
        direct: server(speakers[0]!.socket),
        relayed: { ...server(speakers[1]!.socket), relay: true },
        remote: { url: `http://127.0.0.1:${speakers[2]!.port}/mcp` },
      },
    })
    const asked = lanes.map((name) => createLane(stand.mcp(name)))

    await tryBatches('worker-http', cases, { made: said, size }, async (batch) => {
      await Promise.all(
        lanes.map(async (lane, at) => {
          for (const one of batch.filter(({ moment: when }) => when.lane === lane)) {
            const { isFirst } = one.moment
            const speaker = speakers[at]!
            speaker.say = (about, socket) => {
              const isOpening = about.method === 'initialize'
              if (isOpening === isFirst) speak(one, about, socket)
              else reply(about, socket)
            }
            if (isFirst) await asked[at]!.openOnce()
            else await asked[at]!.call()
            speaker.say = undefined
          }
        }),
      )
      await stand.check()
    })
    for (const lane of asked) await lane.end()
  },
}

function speak(one: Said, { id }: Asked, socket: Socket): void {
  const text = typeof one.body === 'string' ? one.body.replaceAll('@id@', String(id)) : one.body
  const bytes = Buffer.from(text)
  const length = one.isWhole ? [`content-length: ${bytes.length}`] : []
  socket.write([one.statusLine, ...one.headers, ...length, '', ''].join('\r\n'))
  socket.write(bytes)
  if (one.then === 'end') socket.end()
  else if (one.then === 'reset') cut(socket)
  else void sleep(keptMs).then(() => socket.destroy())
}

/** A unix socket has no reset. */
function cut(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
