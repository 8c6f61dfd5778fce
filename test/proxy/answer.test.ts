import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { GatewayError } from '../../src/ground/errors.ts'
import { createEvents } from '../../src/ground/events.ts'
import { mcp } from '../../src/protocols/mcp.ts'
import { peekOf } from '../../src/protocols/peek.ts'
import { createDownstream } from '../../src/proxy/downstream.ts'
import { createTraffic } from '../../src/proxy/traffic.ts'
import { createSession } from '../../src/sessions/session.ts'
import { testServer } from '../support/config.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { startWaiting } from './answer-rig.ts'

const nextRequest = await startWaiting({ after })
const events = { 'content-type': 'text/event-stream' }
const json = { 'content-type': 'application/json' }
const answer = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
const notice = 'data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n'
const half = 'data: {"jsonrpc":'
const long = `: ${'x'.repeat(70_000)}\n`

/** A request of a session, on its way to the client; nobody but the test is its worker. */
async function open(kind: 'post' | 'get') {
  const { response, received, leave } = await nextRequest()
  const clock = fakeClock()
  const news = createEvents()
  const ended: string[] = []
  news.on('exchange.ended', ({ outcome }) => ended.push(outcome))
  const nowMs = clock.now()
  const session = createSession({
    record: {
      ...{ v: 1, id: 'public', version: 1, state: 'live', server: 's', principal: 'p' },
      ...{ workerId: 'w', host: 'h', openedAtMs: nowMs, idleMs: 900_000 },
      ...{ idleAtMs: nowMs + 900_000, maxAtMs: nowMs + 28_800_000 },
    },
    server: testServer('s', {}),
    clock,
    touchEveryMs: 0,
    lostAfterMs: 15_000,
  })
  const traffic = createTraffic(session, clock, news)
  const exchanges = kind === 'post' ? [traffic.open(peekOf('request', 'tools/call', 1))] : []
  const aborted: string[] = []
  const errors: Error[] = []
  response.on('error', (error) => errors.push(error))
  const downstream = createDownstream({
    ...{ response, kind, isStandalone: kind === 'get', protocol: mcp, clock, traffic, exchanges },
    ...{ ids: kind === 'post' ? [1] : [], requestId: 'r', extraHeaders: {}, publicId: 'public' },
  })
  downstream.upstream = {
    pause: () => undefined,
    resume: () => undefined,
    abort: ({ message }) => aborted.push(message),
  }
  return { downstream, session, traffic, clock, received, leave, ended, aborted, errors }
}
type Opened = Awaited<ReturnType<typeof open>>
type Happening = (it: Opened) => unknown

const write = (text: string) => {
  return ({ downstream }: Opened): void => downstream.write(Buffer.from(text))
}
const heads = {
  nothing: () => undefined,
  'a plain head': ({ downstream }: Opened): void => downstream.head(200, json),
  'the head of a stream': ({ downstream }: Opened): void => downstream.head(200, events),
}
const cut = new GatewayError('ERR_PROXY_WORKER_CUT')
const fail: Happening = ({ downstream }) => downstream.fail(cut)

const whenItFails = [
  { after: 'nothing', said: [], how: 'whole', statusCode: 502, body: /"id":1/ },
  { after: 'a plain head', said: [answer], how: 'whole', statusCode: 502, body: /"id":1/ },
  { after: 'a plain head', said: [long], how: 'cut', statusCode: 200, body: /^: x+\n$/ },
  {
    after: 'the head of a stream',
    said: [],
    how: 'whole',
    statusCode: 200,
    body: /"error".*"id":1/,
  },
  {
    after: 'the head of a stream',
    said: [notice],
    how: 'whole',
    statusCode: 200,
    body: /^data: .*\n\nevent: message\ndata: .*"error".*\n\n$/,
  },
  {
    after: 'the head of a stream',
    said: [answer],
    how: 'whole',
    statusCode: 200,
    body: /^data: .*\n\n$/,
  },
  {
    after: 'the head of a stream',
    said: [half],
    how: 'cut',
    statusCode: 200,
    body: /^data: {"jsonrpc":$/,
  },
] as const

const wordsFor = (said: readonly string[]): string =>
  said.map((text) => JSON.stringify(text.slice(0, 70))).join() || 'no body'

for (const { after: head, said, how, statusCode, body } of whenItFails) {
  test(`after ${head} and ${wordsFor(said)} a failure is told, or the answer cut`, async () => {
    const it = await open('post')
    heads[head](it)
    for (const text of said) write(text)(it)
    await nextTurn()
    fail(it)
    const got = await it.received
    assert.deepEqual([got.how, got.statusCode], [how, statusCode])
    assert.match(got.body, body)
    assert.deepEqual(it.ended, [
      said[0] === answer && head !== 'a plain head' ? 'answered' : 'failed',
    ])
  })
}

const then: Record<string, Happening> = {
  'an answer': write(answer),
  'half an event': write(half),
  'a long line': write(long),
  'a moment': () => nextTurn(),
  'the end': ({ downstream }) => downstream.end(),
  'a failure': fail,
  'another stream': ({ downstream }) => downstream.supersede(),
  'the end of the session': ({ session, clock }) =>
    session.begin({ reason: 'stopped', atMs: clock.now() }),
  'the gateway going': ({ downstream }) => downstream.leave(),
  'the client going': ({ leave }) => leave(),
  'a long silence': ({ downstream, clock }) => downstream.keepAlive(clock.now() + 60_000),
}

for (const kind of ['post', 'get'] as const) {
  for (const [head, begin] of Object.entries(heads)) {
    test(`whatever follows ${head}, a ${kind} ends once, and nothing is said after it`, async () => {
      for (const [one, first] of Object.entries(then)) {
        for (const [other, second] of Object.entries(then)) {
          const it = await open(kind)
          const about = `${one}, then ${other}`
          begin(it)
          for (const happen of [first, second, fail]) await happen(it)
          assert.ok(it.downstream.isDone(), about)
          const atEnd = [...it.ended]
          for (const happen of Object.values(then)) await happen(it)
          assert.deepEqual(it.errors, [], about)
          assert.equal(it.traffic.streams.size, 0, about)
          assert.equal(it.session.carried, 0, about)
          // Of an exchange that was not over, the end of the session is the end.
          const [end, ...more] = it.ended
          assert.deepEqual(more, [], about)
          assert.equal(end !== undefined, kind === 'post', about)
          if (atEnd.length > 0) assert.deepEqual(it.ended, atEnd, about)
          const { how, body } = await it.received
          if (how === 'whole') assert.equal(body.split('"error"').length <= 2, true, about)
        }
      }
    })
  }
}
