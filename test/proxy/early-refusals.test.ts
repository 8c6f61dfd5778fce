import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'

import { startProvider } from '../auth/provider-rig.ts'
import { atEnd } from '../support/at-end.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { need } from '../support/needs.ts'

const run = promisify(execFile)
const echo: TestServer = {
  command: ['node', compiled('test/fixtures/workers/echo.js')],
  http: true,
}
const provider = await startProvider({ after })
const gateway = await startTestGateway(
  { after },
  { echo, locked: echo, agent: { ...echo, protocol: 'http' } },
  {
    agentcore: { bodyLimitBytes: 1_000_000 },
    authorization: {
      servers: { locked: { customJWTAuthorizer: { discoveryUrl: provider.discoveryUrl } } },
    },
  },
)
const { host, port } = new URL(gateway.url)
const mcp = '/servers/echo/mcp'

/** What is refused while its body is on its way: status, path, and what is wrong with the request. */
const refused: [status: number, path: string, headers: Record<string, string>][] = [
  [413, mcp, {}],
  [400, '/servers/agent/invocations', {}],
  [401, '/servers/locked/mcp', {}],
  [403, mcp, { Host: 'evil.example' }],
  [404, '/nowhere', {}],
  [404, mcp, { 'Mcp-Session-Id': 'not an id' }],
  [406, mcp, { Accept: 'text/html' }],
  [415, mcp, { 'Content-Type': 'text/plain' }],
]
const usual = {
  Host: host,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
}

test('Python clients, who send all before they read, see each early refusal', async (t) => {
  const python = need(t, 'fastmcp3')
  if (python === undefined) return
  const program = join(import.meta.dirname, '..', '..', '..', 'test/fixtures/python/refused.py')
  await Promise.all(
    refused.map(async ([status, path, headers]) => {
      const given = Object.entries(headers).map(([name, value]) => `${name}:${value}`)
      const { stdout } = await run(python, [program, `${gateway.url}${path}`, '8000000', ...given])
      for (const seen of JSON.parse(stdout) as unknown[][]) {
        assert.equal(seen[0], status, `${path} ${given.join()}: ${stdout}`)
        assert.match(String(seen[1]), /"message":/)
      }
    }),
  )
})

/** A connection over which the head of a request and some of its body have been sent. */
async function begin(t: { after: (fn: () => unknown) => void }, head: string[]) {
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
  atEnd(t, () => void socket.destroy())
  const seen = { text: '', hasEnded: false, errors: [] as Error[] }
  socket.setEncoding('utf8').on('data', (text: string) => (seen.text += text))
  socket.on('end', () => (seen.hasEnded = true))
  socket.on('error', (error) => seen.errors.push(error))
  await once(socket, 'connect')
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return { socket, seen }
}

const send = (socket: Socket, text: string): Promise<void> =>
  new Promise((resolve) => socket.write(text, () => resolve()))

for (const [status, path, headers] of refused) {
  for (const length of ['Content-Length: 6000000', 'Transfer-Encoding: chunked']) {
    const isChunked = length.startsWith('Transfer')
    test(`the answer comes at once, and what is sent meanwhile is taken: ${status} ${path}, ${length}`, async (t) => {
      const given = Object.entries({ ...usual, ...headers }).map((each) => each.join(': '))
      const { socket, seen } = await begin(t, [`POST ${path} HTTP/1.1`, ...given, length])
      const piece = 'x'.repeat(1_000_000)
      const sent = isChunked ? `f4240\r\n${piece}\r\n` : piece
      // Without a length it is too long only when too much has come.
      const isLong = isChunked && (status === 413 || status === 400)
      for (let pieces = 0; pieces < (isLong ? 5 : 1); pieces += 1) await send(socket, sent)
      await eventually(() => assert.match(seen.text, new RegExp(`^HTTP/1.1 ${status} `)))
      assert.match(seen.text, /\r\nconnection: close\r\n/i)
      for (let pieces = isLong ? 5 : 1; pieces < 6; pieces += 1) await send(socket, sent)
      if (isChunked) await send(socket, '0\r\n\r\n')
      await eventually(() => assert.ok(seen.hasEnded))
      assert.deepEqual(seen.errors, [])
      assert.match(seen.text, /"(error|message)":/)
      socket.end()
      await eventually(() => assert.ok(socket.closed))
    })
  }
}

test('a refused request with a short body leaves its connection as it is', async (t) => {
  const head = Object.entries(usual).map((each) => each.join(': '))
  const { socket, seen } = await begin(t, [
    'POST /servers/locked/mcp HTTP/1.1',
    ...head,
    'Content-Length: 3',
  ])
  await eventually(() => assert.match(seen.text, /^HTTP\/1.1 401 /))
  seen.text = ''
  await send(socket, `xxxGET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await eventually(() => assert.match(seen.text, /^HTTP\/1.1 200 /))
})
