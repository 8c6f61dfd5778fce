import assert from 'node:assert/strict'
import { test } from 'node:test'

import { GatewayError } from '../../src/ground/errors.ts'
import { mcp } from '../../src/protocols/mcp.ts'
import { createFirstAnswer, firstAnswerBytes } from '../../src/proxy/first-answer.ts'

const stream = { 'content-type': 'text/event-stream' }
const json = { 'content-type': 'application/json' }
const event = (message: object): Buffer =>
  Buffer.from(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
const notice = event({ method: 'notifications/message' })
const result = event({ id: 1, result: {} })
const refusal = event({ id: 1, error: { code: 1, message: 'no' } })

const gone = new GatewayError('ERR_SESSIONS_ABANDONED')
const codeOf = (error: unknown): string => (error as GatewayError).code

/** A first answer in surroundings that do what they are told, and a list of what it did to them. */
function begin({ isKept = false, isStateless = false } = {}) {
  const did: string[] = []
  const received: Buffer[] = []
  let settleBind: (how: () => boolean) => void = () => undefined
  let tellDeath = (): void => undefined
  const answer = createFirstAnswer({
    protocol: { ...mcp, isStateless },
    isKept,
    bind: async () => (await new Promise<() => boolean>((resolve) => (settleBind = resolve)))(),
    untilDeathIsKnown: () => new Promise((resolve) => (tellDeath = resolve)),
    pass({ statusCode }) {
      did.push(`passed ${statusCode}`)
      return {
        downstream: {
          write: (chunk) => received.push(chunk),
          end: () => did.push('ended'),
          fail: (error) => did.push(`cut ${codeOf(error)}`),
        },
        times: { onHead: () => undefined, end: () => undefined },
      }
    },
    refuse: ({ statusCode }) => did.push(`refused ${statusCode}`),
    fail: (error) => did.push(`failed ${codeOf(error)}`),
    broken: (cause) => new GatewayError('ERR_PROXY_WORKER_CUT', { cause }),
    senseless: () => new GatewayError('ERR_WORKERS_REFUSED'),
    flooded: () => new GatewayError('ERR_WORKERS_START_TIMEOUT'),
  })
  answer.sent({
    pause: () => did.push('pause'),
    resume: () => did.push('resume'),
    abort: () => did.push('abort'),
  })
  return {
    answer,
    did,
    received,
    bound: (how: () => boolean) => settleBind(how),
    deathIsKnown: () => tellDeath(),
  }
}

/** Nothing here waits for more than promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await Promise.resolve()
}

test('what comes while the session becomes live is held back, and follows in order', async () => {
  const { answer, did, received, bound } = begin()
  answer.head(200, stream)
  for (const chunk of [notice, result, notice]) answer.data(chunk)
  assert.equal(answer.state, 'binding')
  assert.deepEqual([did, received], [['pause'], []])
  bound(() => true)
  await settle()
  assert.equal(answer.state, 'passing')
  answer.data(refusal)
  answer.end()
  assert.equal(answer.state, 'over')
  assert.deepEqual(did, ['pause', 'passed 200', 'resume', 'ended'])
  assert.deepEqual(received, [notice, result, notice, refusal])
})

test('an answer that breaks off while the session becomes live breaks off for the client', async () => {
  const { answer, did, received, bound } = begin()
  answer.head(200, stream)
  answer.data(result)
  answer.broke(new Error('other side closed'))
  assert.equal(answer.state, 'binding')
  bound(() => true)
  await settle()
  assert.deepEqual(did, ['pause', 'passed 200', 'resume', 'cut ERR_PROXY_WORKER_CUT'])
  assert.deepEqual(received, [result])
})

test("a keeper's refusal gives way to the news that the server has died", async () => {
  for (const isDead of [true, false]) {
    const { answer, did, deathIsKnown } = begin({ isKept: true })
    answer.head(502, json)
    answer.end()
    assert.equal(answer.state, 'refusing')
    if (isDead) answer.giveUp(new GatewayError('ERR_WORKERS_EXITED_EARLY'))
    deathIsKnown()
    await settle()
    assert.deepEqual(did, isDead ? ['abort', 'failed ERR_WORKERS_EXITED_EARLY'] : ['refused 502'])
  }
})

test('so does a connection that broke', async () => {
  for (const isDead of [true, false]) {
    const { answer, did, deathIsKnown } = begin()
    answer.broke(new Error('other side closed'))
    assert.equal(answer.state, 'cut')
    if (isDead) answer.giveUp(new GatewayError('ERR_WORKERS_EXITED_EARLY'))
    deathIsKnown()
    await settle()
    const why = isDead ? 'ERR_WORKERS_EXITED_EARLY' : 'ERR_PROXY_WORKER_CUT'
    assert.deepEqual(did, ['abort', `failed ${why}`])
  }
})

test('an answer that comes after all is over is not wanted', () => {
  const { answer, did } = begin()
  answer.giveUp(gone)
  answer.sent({
    pause: () => undefined,
    resume: () => undefined,
    abort: (reason) => did.push(reason.message),
  })
  assert.deepEqual(did, ['abort', 'failed ERR_SESSIONS_ABANDONED', 'Nobody waits for the answer.'])
})

type Happenings = Record<string, (it: ReturnType<typeof begin>) => void>

const first: Happenings = {
  'head of a stream': ({ answer }) => answer.head(200, stream),
  'head of JSON': ({ answer }) => answer.head(200, json),
  'head of an error': ({ answer }) => answer.head(403, json),
  'a cut': ({ answer }) => answer.broke(new Error('other side closed')),
  'giving up': ({ answer }) => answer.giveUp(gone),
}
const then: Happenings = {
  'a result': ({ answer }) => answer.data(result),
  'an error': ({ answer }) => answer.data(refusal),
  'the end': ({ answer }) => answer.end(),
  'a cut': ({ answer }) => answer.broke(new Error('other side closed')),
  'giving up': ({ answer }) => answer.giveUp(gone),
  bound: ({ bound }) => bound(() => true),
  'ended meanwhile': ({ bound }) => bound(() => false),
  'no store': ({ bound }) =>
    bound(() => {
      throw new GatewayError('ERR_SESSIONS_STORE')
    }),
  'death is known': ({ deathIsKnown }) => deathIsKnown(),
}

/** Whatever can happen, in every order. */
function* sequences(length: number): Generator<[string, (typeof then)[string]][]> {
  const choices = Object.entries(length === 1 ? first : then)
  for (const rest of length === 1 ? [[]] : sequences(length - 1)) {
    for (const choice of choices) yield [...rest, choice]
  }
}

for (const kind of [{}, { isKept: true }, { isStateless: true }]) {
  test(`the client is told one thing, once, whatever happens: ${JSON.stringify(kind)}`, async () => {
    for (const sequence of sequences(4)) {
      const it = begin(kind)
      const about = (): string => `${sequence.map(([name]) => name).join(', ')}: ${it.did.join()}`
      for (const [, happen] of [...sequence, ...Object.entries(then)]) {
        const wasOver = it.answer.state === 'over'
        const before = it.did.length + it.received.length
        happen(it)
        await settle()
        if (!wasOver) continue
        assert.equal(it.answer.state, 'over', about())
        assert.equal(it.did.length + it.received.length, before, about())
      }
      assert.equal(it.answer.state, 'over', about())
      const [told, ...more] = it.did.filter((what) => /^(passed|refused|failed)/.test(what))
      assert.deepEqual(more, [], about())
      assert.equal(it.did.includes('abort'), told?.startsWith('failed'), about())
    }
  })
}

test('a worker that sends without end before it answers is given up, and nothing more is kept', () => {
  const comment = Buffer.from(`: ${'x'.repeat(65_532)}\n\n`)
  for (const [headers, unit] of [
    [stream, comment],
    [stream, notice],
    [json, Buffer.alloc(65_536, ' ')],
  ] as const) {
    const { answer, did } = begin()
    answer.head(200, headers)
    for (let sent = 0; sent <= firstAnswerBytes; sent += unit.length) answer.data(unit)
    assert.deepEqual(did, ['abort', 'failed ERR_WORKERS_START_TIMEOUT'])
    answer.data(unit)
    assert.equal(answer.state, 'over')
  }
})

test('a long answer is one, up to a limit', async () => {
  const { answer, did, bound } = begin()
  answer.head(200, json)
  const instructions = 'x'.repeat(firstAnswerBytes - 1000)
  const message = { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-06-18', instructions } }
  answer.data(Buffer.from(JSON.stringify(message)))
  answer.end()
  bound(() => true)
  await settle()
  assert.deepEqual(did, ['pause', 'passed 200', 'resume', 'ended'])
})
