import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { suite, test } from 'node:test'

import type { Worker } from '../../src/workers/driver.ts'
import { eventually } from '../support/eventually.ts'
import type { Owner } from '../support/temp.ts'
import { startRig } from '../workers/rig.ts'

interface Relayed {
  worker: Worker
  /** A request over the keeper's socket; it is sent as far as it is written. */
  send(method: string, name: string, headers?: Record<string, string>, path?: string): ClientRequest
  /** What reached the server, and what it did, in order. */
  seen(): Promise<string[]>
  /** Waits until the server has seen that. */
  saw(what: string): Promise<void>
}

async function startRelayed(t: Owner): Promise<Relayed> {
  const worker = await startRig(t).start(['slow-streams.js'], { relay: true })
  const { socketPath = '', headers: own, host } = worker.endpoint
  const seen = () => worker.lastLines()
  return {
    worker,
    seen,
    saw: (what) => eventually(async () => assert.ok((await seen()).includes(what))),
    send(method, name, headers = {}, path = '/mcp') {
      const sent = request({
        socketPath,
        method,
        path,
        agent: false,
        headers: { ...own, host, 'x-name': name, ...headers },
      })
      sent.on('error', () => undefined) // some are cut
      t.after(() => void sent.destroy())
      return sent
    },
  }
}

async function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  answer.setEncoding('utf8')
  for await (const chunk of answer) text += String(chunk)
  return text
}

suite('a keeper in front of an HTTP server', { concurrency: 4 }, () => {
  test('carries bytes both ways as they come', async (t) => {
    const { send } = await startRelayed(t)
    const sent = send('POST', 'echo', { 'content-type': 'text/plain' }, '/echo')
    sent.write('one')
    const answer = await answerTo(sent)
    const pieces = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
    const next = async (): Promise<string | undefined> => (await pieces.next()).value?.toString()
    assert.equal(await next(), 'one')
    // Each piece is back before the next one is sent.
    for (const piece of ['two', 'three']) {
      sent.write(piece)
      assert.equal(await next(), piece)
    }
    sent.end()
    assert.equal(await next(), undefined)
  })

  test('changes nothing but takes its nonce away', async (t) => {
    const { worker, send } = await startRelayed(t)
    const sent = send('POST', 'one', { 'mcp-session-id': 'a', 'x-twice': '1, 2' }, '/mcp?a=b')
    sent.end('{}')
    const answer = await answerTo(sent)
    const text = await textOf(answer)
    assert.equal(answer.statusCode, 201)
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
    const { host, url, method, ...headers } = JSON.parse(text) as Record<string, string>
    assert.equal(host, worker.endpoint.host)
    assert.equal(url, '/mcp?a=b')
    assert.equal(method, 'POST')
    assert.equal(headers['mcp-session-id'], 'a')
    assert.equal(headers['x-twice'], '1, 2')
    assert.ok(!('x-berth-nonce' in headers))
    // The one to the keeper ends with this request, the one to the server does not.
    assert.equal(headers['connection'], 'keep-alive')
  })

  test('sends the head of a silent stream at once', async (t) => {
    const { send } = await startRelayed(t)
    const sent = send('GET', 'stream', { 'x-delay': '0' })
    sent.end()
    const answer = await answerTo(sent)
    assert.equal(answer.headers['x-from'], 'server')
  })

  test('holds a POST until the GET before it was answered', async (t) => {
    const { send, seen, saw } = await startRelayed(t)
    send('GET', 'stream', { 'x-delay': '300' }).end()
    await saw('stream arrived')
    const sent = send('POST', 'call')
    sent.end('{}')
    assert.equal((await answerTo(sent)).statusCode, 201)
    const order = ['stream arrived', 'stream answered', 'call arrived']
    assert.deepEqual(await seen(), order)
  })

  test('holds it no longer than a second: a server may never answer a GET', async (t) => {
    const { send, seen, saw } = await startRelayed(t)
    send('GET', 'stream').end()
    await saw('stream arrived')
    const sent = send('POST', 'call')
    sent.end('{}')
    assert.equal((await answerTo(sent)).statusCode, 201)
    assert.deepEqual(await seen(), ['stream arrived', 'call arrived'])
  })

  test('holds it no longer than the GET is there', async (t) => {
    const { send, seen, saw } = await startRelayed(t)
    const stream = send('GET', 'stream')
    stream.end()
    await saw('stream arrived')
    const sent = send('POST', 'call')
    sent.end('{}')
    stream.destroy()
    assert.equal((await answerTo(sent)).statusCode, 201)
    assert.ok((await seen()).includes('stream was cut'))
  })

  test('does not pass on what was cut while it was held, and goes on', async (t) => {
    const { send, seen, saw } = await startRelayed(t)
    send('GET', 'stream', { 'x-delay': '900' }).end()
    await saw('stream arrived')
    const cut = send('POST', 'cut')
    const closed = new Promise((resolve) => cut.once('close', resolve))
    cut.end('{}')
    const kept = send('POST', 'kept')
    const answered = answerTo(kept)
    kept.end('{}')
    // Both have arrived at the keeper when a third, sent after them, is answered there.
    const beside = send('GET', 'beside', {}, '/keeper/lines')
    beside.end()
    await answerTo(beside)
    cut.destroy()
    await closed
    assert.equal((await answered).statusCode, 201)
    assert.ok(!(await seen()).includes('cut arrived'))
  })

  test('tells each side that the other has gone', async (t) => {
    const { worker, send, saw } = await startRelayed(t)
    const dropped = send('POST', 'dropped', {}, '/echo')
    dropped.write('begun')
    await answerTo(dropped)
    dropped.destroy()
    await saw('dropped was cut')

    // Not the other way round: a stream that is open takes the place of one that is asked for.
    const unanswered = send('GET', 'unanswered')
    unanswered.end()
    const refused = once(unanswered, 'error')
    await saw('unanswered arrived')
    const stream = send('GET', 'stream', { 'x-delay': '0' })
    stream.end()
    const answer = await answerTo(stream)
    const broken = once(answer, 'error')
    await worker.stop({ graceMs: 1000 })
    await Promise.all([broken, refused])
  })
})
