import { connect } from 'node:net'

import fc from 'fast-check'

import { tryBatches } from '../fuzz.ts'
import { reply, startHttpSpeaker } from '../speaker.ts'
import { startStand } from '../stand.ts'
import { longEnoughMs } from '../../support/patience.ts'
import { openSession } from '../../support/raw-mcp.ts'
import type { Target } from '../target.ts'
import { messageText, nastyBytes, nastyText } from '../values.ts'

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('POST', 'POST', 'GET', 'DELETE', 'OPTIONS', 'HEAD') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('PUT', 'PATCH', 'TRACE', 'CONNECT', 'PRI', 'post', '', 'X Y'),
  },
)

const server = fc.constantFrom('attacker', 'nobody', '__proto__', '..', '%2e%2e', '%', '')
const target = fc.oneof(
  { weight: 6, arbitrary: fc.constant('/servers/attacker/mcp') },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        server,
        fc.constantFrom('/mcp', '/mcp/', '/invocations', '/%6dcp', '/mcp//', '', '/ping'),
        fc.constantFrom(
          '',
          '',
          '?',
          '?a=b',
          '?qualifier=x&qualifier=y',
          '#x',
          ';x',
          '?__proto__=1',
        ),
      )
      .map(([name, end, query]) => `/servers/${name}${end}${query}`),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...['/', '*', '//', '/mcp', '/healthz', '/readyz', '/runtimes/x/invocations', '/metrics'],
      ...['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/%ff'],
      ...['http://127.0.0.1/servers/attacker/mcp', 'http://[::1', 'x://y', '/api/sessions'],
      ...['/runtimes/arn%3Aaws/invocations?accountId=a', '/runtimes/%00/invocations', '/%E0%A4%A'],
    ),
  },
  {
    weight: 1,
    arbitrary: nastyText.map((text) => `/servers/${encodeURIComponent(wellFormed(text))}/mcp`),
  },
  { weight: 1, arbitrary: nastyText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(2100, 20_000).map((n) => `/servers/${'a'.repeat(n)}/mcp`),
  },
)

const header = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      ...['accept: application/json, text/event-stream', 'accept: */*', 'accept: ', 'accept: x'],
      ...['content-type: application/json', 'content-type: text/plain', 'content-type: ;'],
      ...[
        'mcp-session-id: @own@',
        'mcp-session-id: ',
        'mcp-session-id: x',
        'mcp-session-id: \u00e9',
      ],
      ...['mcp-protocol-version: 2025-11-25', 'mcp-protocol-version: 1', 'last-event-id: 0-1'],
      ...['last-event-id: ', 'last-event-id: 0-999999999999999', 'origin: http://localhost:1'],
      ...[
        'origin: null',
        'origin: http://evil.example',
        'host: evil.example',
        'host: ',
        'host: [::1',
      ],
      ...['authorization: Bearer x', 'authorization: ', 'authorization: Basic \u00ff', 'cookie: a'],
      ...[
        'expect: 100-continue',
        'expect: x',
        'connection: upgrade',
        'upgrade: websocket',
        'te: x',
      ],
      ...['connection: close, mcp-session-id', 'content-encoding: gzip', 'content-length: 5'],
      ...['content-length: -1', 'content-length: 1e3', 'transfer-encoding: chunked', 'x', ': x'],
      ...['transfer-encoding: identity', 'x-forwarded-for: x', 'x-berth-nonce: x', '__proto__: x'],
      ...['x-amzn-bedrock-agentcore-runtime-session-id: short', 'access-control-request-method: x'],
    ),
  },
  { weight: 1, arbitrary: nastyText.map((text) => `x-said: ${text}`) },
  { weight: 1, arbitrary: nastyText },
  { weight: 1, arbitrary: fc.constantFrom(9000, 70_000).map((n) => `x: ${'y'.repeat(n)}`) },
)

const usual = ['accept: application/json, text/event-stream', 'content-type: application/json']

/** One request, on a connection of its own. */
const asked = fc.record({
  isAdmin: fc.nat(5).map((luck) => luck === 0),
  isUsual: fc.boolean(),
  isWhole: fc.nat(3).map((luck) => luck > 0),
  /** Whether it names the session that there is. */
  isOwn: fc.boolean(),
  method,
  target,
  version: fc.oneof(
    { weight: 12, arbitrary: fc.constant('HTTP/1.1') },
    { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '') },
  ),
  headers: fc.array(header, { maxLength: 5 }),
  body: fc.oneof(messageText, nastyBytes, fc.constantFrom('', '0\r\n\r\n', 'zz\r\n')),
  then: fc.constantFrom('end', 'end', 'reset', 'wait'),
})

type Asking = typeof asked extends fc.Arbitrary<infer T> ? T : never

const size = 200
const atOnce = 16
/** How long an answer is waited for that may never come: half of a request was sent. */
const waitMs = 20

/** What a client sends, to the public listener and to the one of the operator. */
export const client: Target = {
  name: 'client',
  about: 'requests of a client: methods, paths, headers and bodies',
  share: 3000,
  async run(t, cases) {
    const speaker = await startHttpSpeaker(t)
    speaker.say = reply
    const stand = await startStand(t, {
      servers: {
        attacker: {
          url: `http://127.0.0.1:${speaker.port}/mcp`,
          lifecycle: { idleMs: 3000, maxMs: 60_000 },
        },
      },
    })
    let own = ''

    await tryBatches('client', cases, { made: asked, size }, async (batch) => {
      own = await openSession({ url: stand.mcp('attacker') })
      const left = [...batch]
      const asker = async (): Promise<void> => {
        for (let one = left.pop(); one !== undefined; one = left.pop()) {
          await ask(one, new URL(one.isAdmin ? stand.adminUrl : stand.url), own)
        }
      }
      await Promise.all(Array.from({ length: atOnce }, asker))
      await stand.check()
    })
  },
}

/** Sends it, and hears the beginning of an answer or that there will be none. */
async function ask(one: Asking, { hostname, port, host }: URL, own: string): Promise<void> {
  const body = Buffer.from(one.body)
  const lines = [
    `${one.method} ${one.target} ${one.version}`,
    ...(one.isUsual ? [`host: ${host}`, ...usual] : []),
    ...(one.isOwn ? [`mcp-session-id: ${own}`] : []),
    ...one.headers.map((line) => line.replace('@own@', own)),
    ...(one.isWhole ? [`content-length: ${body.length}`] : []),
  ]
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const over = new Promise<void>((resolve) => {
    socket.on('data', () => resolve())
    socket.on('end', () => resolve())
    socket.on('close', () => resolve())
    socket.on('error', () => resolve())
    // What is not whole may be waited for as long as the gateway likes.
    const limit = setTimeout(resolve, one.isWhole && one.isUsual ? longEnoughMs : waitMs)
    socket.on('close', () => clearTimeout(limit))
  })
  socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'utf8'))
  socket.write(body)
  if (one.then === 'end') socket.end()
  if (one.then === 'reset') socket.resetAndDestroy()
  await over
  socket.destroy()
}

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
