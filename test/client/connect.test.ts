import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { connect } from '../../src/client/connect.ts'
import type { ConnectOptions, Elicitation, Handlers } from '../../src/client/connect.ts'
import { Silence } from '../../src/client/patience.ts'
import { HttpFailure, LinkLost } from '../../src/client/link.ts'
import { accept, startHttp } from '../demo/support.ts'
import { startVicious, streamOf } from '../demo/vicious-server.ts'
import type { Rpc } from '../demo/vicious-server.ts'
import { meanwhile } from '../support/patience.ts'

const done = { content: [{ type: 'text', text: 'done' }] }
const form = { type: 'object', properties: { a: { type: 'string', pattern: '^x' } } }
const question = {
  id: 0,
  method: 'elicitation/create',
  params: { message: 'Well?', requestedSchema: form },
}

async function dial(
  t: TestContext,
  url: URL,
  handlers: Partial<Handlers> = {},
  options: ConnectOptions = {},
): Promise<{ call: () => Promise<unknown> }> {
  const connection = await connect(
    url,
    {
      elicit: () => Promise.resolve({ action: 'decline' }),
      sample: () => Promise.reject(new Error('none')),
      notified: () => undefined,
      ...handlers,
    },
    options,
  )
  t.after(() => connection.end())
  const { client, request } = connection
  return {
    call: () => request((sent) => client.callTool({ name: 'x' }, undefined, sent)),
  }
}

test('a question reaches its handler with everything that its schema says', async (t) => {
  const asked: Elicitation[] = []
  const answers: Rpc[] = []
  let answerCall = (): void => undefined
  const url = await startVicious(t, {
    call(stream, id) {
      stream.event(question)
      stream.event({ id: 1, method: 'roots/list' })
      answerCall = () => stream.event({ id, result: done })
    },
    answer(message) {
      answers[Number(message.id)] = message
      if (answers[0] && answers[1]) answerCall()
    },
  })
  const { call } = await dial(t, url, {
    elicit(elicitation) {
      asked.push(elicitation)
      return Promise.resolve(accept({ a: 'x' }))
    },
  })
  assert.deepEqual(await call(), done)
  assert.deepEqual(asked, [{ mode: 'form', message: 'Well?', requestedSchema: form }])
  assert.deepEqual(answers[0]?.result, accept({ a: 'x' }))
  assert.equal(answers[1]?.error?.code, -32601, 'it has no roots')
})

test('a question that the server withdraws is taken away, the first one too', async (t) => {
  let withdraw = (): void => undefined
  const url = await startVicious(t, {
    call(stream, id) {
      stream.event(question)
      withdraw = () => {
        stream.event({ method: 'notifications/cancelled', params: { requestId: question.id } })
        stream.event({ id, result: done })
      }
    },
  })
  let takenAway = (): void => undefined
  const isTakenAway = new Promise<void>((resolve) => (takenAway = resolve))
  const { call } = await dial(t, url, {
    elicit(_, signal) {
      signal.addEventListener('abort', takenAway)
      withdraw()
      return isTakenAway.then(() => ({ action: 'cancel' }))
    },
  })
  assert.deepEqual(await call(), done)
  await isTakenAway
})

test('a server that is killed in the middle of a call fails the call at once', async (t) => {
  const server = await startHttp(t, 'trip-planner')
  const connection = await connect(server.url, {
    async elicit() {
      await server.kill()
      return { action: 'decline' }
    },
    sample: () => Promise.reject(new Error('none')),
    notified: () => undefined,
  })
  t.after(() => connection.leave())
  const { client, request } = connection
  const call = request((options) => client.callTool({ name: 'plan_trip' }, undefined, options))
  await assert.rejects(call, LinkLost)
})

test('a stream that ends without the answer fails the call', async (t) => {
  const url = await startVicious(t, { call: (stream) => stream.end() })
  const { call } = await dial(t, url)
  await assert.rejects(call(), LinkLost)
})

test('a stream that can be resumed is resumed, and brings the answer', async (t) => {
  let callId = 0
  const url = await startVicious(t, {
    call(stream, id) {
      callId = id
      stream.event(undefined, 'e1')
      stream.end('retry: 10\n\n')
    },
    get(request, response) {
      assert.equal(request.headers['last-event-id'], 'e1')
      streamOf(response).event({ id: callId, result: done }, 'e2')
    },
  })
  const { call } = await dial(t, url)
  assert.deepEqual(await call(), done)
})

test('a stream that is resumed in a session that has ended fails the call', async (t) => {
  const url = await startVicious(t, {
    call(stream) {
      stream.event(undefined, 'e1')
      stream.end('retry: 10\n\n')
    },
    get: (_, response) =>
      void response
        .writeHead(404)
        .end(JSON.stringify({ error: { code: -32001, message: 'Ended.' } })),
  })
  const { call } = await dial(t, url)
  await assert.rejects(call(), (error) => {
    assert.ok(error instanceof LinkLost && error.cause instanceof HttpFailure)
    assert.equal(error.cause.said, 'Ended.')
    return true
  })
})

test('a silent server is given up, and time spent on a question does not count', async (t) => {
  const silent = await startVicious(t, { call: () => undefined })
  const impatient = await dial(t, silent, {}, { silenceMs: 3000 })
  await assert.rejects(impatient.call(), Silence)

  let finish = (): void => undefined
  const asking = await startVicious(t, {
    call(stream, id) {
      stream.event(question)
      finish = () => stream.event({ id, result: done })
    },
    answer: () => finish(),
  })
  const elicit: Handlers['elicit'] = () =>
    meanwhile(3500).then(() => ({ action: 'cancel' as const }))
  const { call } = await dial(t, asking, { elicit }, { silenceMs: 3000 })
  assert.deepEqual(await call(), done)
})

test('stopping ends the call with the reason that was given', async (t) => {
  const stop = new AbortController()
  const url = await startVicious(t, { call: () => stop.abort(new Error('Stopped.')) })
  const { call } = await dial(t, url, {}, { signal: stop.signal })
  await assert.rejects(call(), { message: 'Stopped.' })
})

test('an error that is null beside a result is none', async (t) => {
  const url = await startVicious(t, {
    call: (stream, id) => stream.event({ id, result: done, error: null }),
  })
  const { call } = await dial(t, url)
  assert.deepEqual(await call(), done)
})

test('a refused initialize says why', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  await assert.rejects(dial(t, new URL('/other', url)), (error) => {
    assert.ok(error instanceof HttpFailure)
    assert.deepEqual([error.status, error.said], [404, 'MCP is at /mcp.'])
    return true
  })
})
