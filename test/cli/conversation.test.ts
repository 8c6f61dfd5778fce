import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { connect } from '../../src/client/connect.ts'
import { toFailure } from '../../src/client/failures.ts'
import { HttpFailure } from '../../src/client/link.ts'
import { startVicious } from '../demo/vicious-server.ts'
import { berth } from './support.ts'

test('a page to visit is named and declined when nobody is there', async (t) => {
  const page = {
    mode: 'url',
    message: 'Pay first',
    url: 'https://pay.example/1',
    elicitationId: 'e',
  }
  let answer: (result: unknown) => void = () => undefined
  const url = await startVicious(t, {
    call(stream, id) {
      stream.event({ id: 0, method: 'elicitation/create', params: page })
      answer = (result) =>
        stream.event({ id, result: { content: [{ type: 'text', text: JSON.stringify(result) }] } })
    },
    answer: ({ result }) => answer(result),
  })
  const { code, stdout, stderr } = await berth(t, 'call', url.href, 'x')
  assert.deepEqual([code, stdout], [0, '{"action":"decline"}\n'])
  assert.match(
    stderr,
    /^Pay first Declined, because nobody is here to open https:\/\/pay\.example\/1$/m,
  )
})

test('a server that wants a page visited first says which', async (t) => {
  const elicitations = [
    { mode: 'url', message: 'Log in', url: 'https://id.example/', elicitationId: 'e' },
  ]
  const error = { code: -32042, message: 'URL elicitation required', data: { elicitations } }
  const url = await startVicious(t, { call: (stream, id) => stream.event({ id, error }) })
  const { code, stderr } = await berth(t, 'call', url.href, 'x')
  assert.equal(code, 1)
  assert.match(stderr, /visit a page first, and then to call again: Log in https:\/\/id\.example\//)
})

test('log messages of the server go to stderr, without what could command a terminal', async (t) => {
  const url = await startVicious(t, {
    call(stream, id) {
      const params = { level: 'warning', logger: 'till', data: 'low on \u001b[2Jchange' }
      stream.event({ method: 'notifications/message', params })
      stream.event({ id, result: { content: [], structuredContent: { coins: 3 } } })
    },
  })
  const { stdout, stderr } = await berth(t, 'call', url.href, 'x')
  assert.equal(stderr, '[warning] till: low on change\n')
  assert.equal(stdout, '{\n  "coins": 3\n}\n')
})

test('pictures, sounds and resources are named with their size', async (t) => {
  const content = [
    { type: 'image', mimeType: 'image/png', data: Buffer.alloc(2048).toString('base64') },
    { type: 'audio', mimeType: 'audio/wav', data: Buffer.alloc(1).toString('base64') },
    { type: 'resource', resource: { uri: 'file:///a.txt', text: 'äb' } },
    { type: 'resource_link', uri: 'file:///b', name: 'b', size: 5_000_000 },
  ]
  const url = await startVicious(t, {
    call: (stream, id) => stream.event({ id, result: { content } }),
  })
  const { stdout } = await berth(t, 'call', url.href, 'x')
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    '[image image/png, 2.0 kB]',
    '[audio audio/wav, 1 byte]',
    '[resource file:///a.txt, 3 bytes]',
    '[link b file:///b, 4.8 MB]',
  ])
})

test('a server that breaks off or stays silent is a failure of one sentence', async (t) => {
  const breaksOff = await startVicious(t, { call: (stream) => stream.end() })
  const broken = await berth(t, 'call', breaksOff.href, 'x')
  assert.equal(broken.code, 1)
  assert.match(
    broken.stderr,
    /ended before the answer came\. The server or its session is gone\.\n$/,
  )
  const silent = await startVicious(t, { call: () => undefined })
  const waited = await berth(t, 'call', silent.href, 'x', '--timeout', '0.3')
  assert.equal(waited.code, 1)
  assert.match(
    waited.stderr,
    /said nothing for 0\.3 seconds\. Give it longer with --timeout SECONDS\.\n$/,
  )
})

test('a refusal is told by its status and code, and a header is sent with every request', async (t) => {
  const table: [number, string, RegExp][] = [
    [401, '', /does not take the Authorization that was sent \(401\)\. It says: full\n$/],
    [429, '', /takes no more from you now \(429\)\. Try again later\. It says: full/],
    [503, '', /cannot serve this now \(503\)\. It says: full\n$/],
    [503, 'ERR_SESSIONS_FULL', /has no room now \(503\)\. Try again later\. It says: full/],
    [503, 'ERR_SESSIONS_STORE', /its store of sessions does not answer\. Try again later\./],
    [503, 'ERR_AUTH_SECRETS', /operator has to look into the gateway's log\. It says: full/],
    [
      502,
      'ERR_WORKERS_SPAWN',
      /status 502\. mcp-berth logs shows why, and .* has the ID\)\. It says: full\n$/,
    ],
    [404, 'ERR_ADMIN_NOT_FOUND', /is the address of Berth's admin API \(404\)\./],
    [500, '', /answered with HTTP status 500/],
  ]
  let answer: [number, string] = [500, '']
  const tokens: unknown[] = []
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization)
    const [status, code] = answer
    const error = { code: 1, message: 'full', ...(code !== '' && { data: { code } }) }
    response.writeHead(status).end(JSON.stringify({ error }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  for (const [status, code, says] of table) {
    answer = [status, code]
    const target = new URL(url)
    const silent = { elicit: noAnswer, sample: noAnswer, notified: () => undefined }
    const headers = { Authorization: 'Bearer s3cret' }
    const thrown = await connect(target, silent, { headers }).catch((error: unknown) => error)
    const { message } = toFailure(thrown, target)
    assert.match(`${message}\n`, says)
    assert.doesNotMatch(message, /s3cret/)
  }
  assert.deepEqual(new Set(tokens), new Set(['Bearer s3cret']))
})

test('a session that is over is told as one, and not as an address where nothing is', () => {
  const sent = new Headers({ 'mcp-session-id': 'a' })
  const failure = new HttpFailure(404, { said: 'Session not found.' }, sent)
  assert.equal(
    toFailure(failure, new URL('http://localhost/mcp')).message,
    'The session at http://localhost/mcp is over (404). It says: Session not found.',
  )
})

const noAnswer = (): Promise<never> => Promise.reject(new Error('Nobody asks.'))
