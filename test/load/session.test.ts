import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { serveHttp, toy, watched } from './rig.ts'
import { meanwhile } from '../support/patience.ts'

type Answer = (response: ServerResponse, message: RpcMessage) => void

const json = { 'content-type': 'application/json' }
const text = (message: RpcMessage, said = 'hello'): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    result: { content: [{ type: 'text', text: said }] },
  })

/** A server with one session that answers calls as it is told, and GETs with `onGet`. */
function scripted(
  answer: Answer,
  onGet?: (request: IncomingMessage, response: ServerResponse) => void,
) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method !== 'POST') {
      if (request.method === 'GET' && onGet !== undefined) onGet(request, response)
      else response.writeHead(405).end()
      return
    }
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const message = JSON.parse(body) as RpcMessage
      if (message.method === 'initialize') {
        const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }
        response.writeHead(200, { ...json, 'mcp-session-id': 'one' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
      } else if (message.id === undefined || message.method === undefined) {
        response.writeHead(202).end()
      } else {
        answer(response, message)
      }
    })
  }
}

/** Ways for something of another session to come in, each with what the finder says of it. */
const ways: Record<string, [Answer: (foreign: string) => Answer, where: RegExp, form: string]> = {
  'a header': [
    (foreign) => (response, message) => {
      response.writeHead(200, { ...json, 'x-trace': `id=${foreign}` }).end(text(message))
    },
    /tools\/call echo/,
    'plain',
  ],
  'a trailer': [
    (foreign) => (response, message) => {
      response.writeHead(200, { ...json, trailer: 'x-end' })
      response.write(text(message))
      response.addTrailers({ 'x-end': foreign })
      response.end()
    },
    /tools\/call echo/,
    'plain',
  ],
  'a body in two pieces': [
    (foreign) => (response, message) => {
      const whole = text(message, foreign)
      const middle = whole.indexOf(foreign) + 15
      response.writeHead(200, json).write(whole.slice(0, middle))
      void meanwhile(20).then(() => response.end(whole.slice(middle)))
    },
    /tools\/call echo/,
    'plain',
  ],
  'a compressed body': [
    (foreign) => (response, message) => {
      response.writeHead(200, { ...json, 'content-encoding': 'gzip' })
      response.end(gzipSync(text(message, foreign)))
    },
    /tools\/call echo/,
    'plain',
  ],
  'the body of an error': [
    (foreign) => (response) => void response.writeHead(500).end(`lost ${btoa(`id ${foreign}`)}`),
    /tools\/call echo/,
    'base64',
  ],
  'a cookie, escaped': [
    (foreign) => (response, message) => {
      const escaped = Array.from(foreign, (one) => `%${one.charCodeAt(0).toString(16)}`).join('')
      response.writeHead(200, { ...json, 'set-cookie': `last=${escaped}` }).end(text(message))
    },
    /tools\/call echo/,
    'percent',
  ],
}

for (const [way, [answer, where, form]] of Object.entries(ways)) {
  test(`notices the canary of another session in ${way}`, async (t) => {
    let foreign = ''
    const url = await serveHttp(
      t,
      scripted((response, message) => answer(foreign)(response, message)),
    )
    const { canaries, evidence, session } = watched(t, url)
    foreign = canaries.of(99)
    const own = session(7)
    assert.equal((await own.open()).ok, true)
    await own.request('tools/call', { name: 'echo', arguments: {} }).outcome
    const { leaks, leakCount } = evidence.report()
    assert.equal(leakCount, 1)
    assert.deepEqual([leaks[0]?.session, leaks[0]?.owner, leaks[0]?.form], [7, 99, form])
    assert.match(leaks[0]?.where ?? '', where)
  })
}

test('its own canary is no leak, even if the connection is cut in the middle of it', async (t) => {
  let own = ''
  const url = await serveHttp(
    t,
    scripted((response) => {
      response.writeHead(200, { ...json, 'x-own': own }).write(own.slice(0, 12))
      void meanwhile(10).then(() => response.destroy())
    }),
  )
  const { canaries, evidence, session } = watched(t, url)
  own = canaries.of(7)
  const at = session(7)
  await at.open()
  const outcome = await at.request('tools/call', { name: 'echo' }).outcome
  assert.equal(outcome.ok, false)
  assert.equal(evidence.report().leakCount, 0)
})

test('notices the answer to the request of another session', async (t) => {
  const url = await serveHttp(
    t,
    scripted((response, message) => {
      const answers = [text({ ...message, id: '8-1' }), text(message)]
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(answers.map((data) => `data: ${data}\n\n`).join(''))
    }),
  )
  const { evidence, session } = watched(t, url)
  const at = session(7)
  await at.open()
  assert.equal((await at.request('tools/call', { name: 'echo' }).outcome).ok, true)
  const [leak] = evidence.report().leaks
  assert.deepEqual([leak?.what, leak?.owner], ['answer', 8])
})

test('notices that two sessions were given the same id', async (t) => {
  const url = await serveHttp(
    t,
    scripted(() => undefined),
  )
  const { evidence, session } = watched(t, url)
  await session(1).open()
  await session(2).open()
  const [leak] = evidence.report().leaks
  assert.deepEqual([leak?.what, leak?.session, leak?.owner], ['session id', 2, 1])
})

test('asks again with Last-Event-ID for an answer that the response did not have', async (t) => {
  let asked: RpcMessage | undefined
  let lastEventId: string | undefined
  const url = await serveHttp(
    t,
    scripted(
      (response, message) => {
        asked = message
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end('id: 17\nretry: 5\ndata:\n\n')
      },
      (request, response) => {
        const last = request.headers['last-event-id']
        if (typeof last !== 'string' || asked === undefined) {
          response.writeHead(405).end()
          return
        }
        lastEventId = last
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`id: 18\ndata: ${text(asked, 'late')}\n\n`)
      },
    ),
  )
  const at = watched(t, url).session(1)
  await at.open()
  const outcome = await at.request('tools/call', { name: 'echo' }).outcome
  assert.equal(outcome.ok, true)
  assert.equal(lastEventId, '17')
})

test('is lost when the server does not know it any more, with all that waits in it', async (t) => {
  const url = await toy(t)
  const at = watched(t, url).session(1)
  await at.open()
  const waiting = at.logged('never')
  await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': at.id ?? '' } })
  const outcome = await at.request('tools/call', { name: 'echo', arguments: {} }).outcome
  assert.deepEqual(outcome, { ok: false, code: 'http 404' })
  assert.equal(at.state, 'lost')
  assert.equal(await waiting, false)
})

test('opens the stream of its session again when that was dropped', async (t) => {
  const url = await toy(t)
  const at = watched(t, url).session(1)
  await at.open()
  const reopened = at.listening?.reopened()
  at.listening?.drop()
  assert.equal(await reopened, true)
  const logged = at.logged('still there')
  const args = { name: 'announce', arguments: { text: 'still there' } }
  assert.equal((await at.request('tools/call', args).outcome).ok, true)
  assert.equal(await logged, true)
  await at.close('delete')
})
