import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'

import type { ErrorCode } from '../../src/ground/errors.ts'
import { createEvents } from '../../src/ground/events.ts'
import { createLogger, logEvents, redacted } from '../../src/ground/log.ts'
import { fakeClock } from '../support/fake-clock.ts'

function collect() {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().split('\n').filter(Boolean))
      done()
    },
  })
  return { lines, stream }
}

for (const isPretty of [false, true]) {
  test(`secrets are not written, ${isPretty ? 'pretty' : 'as JSON'}`, () => {
    const { lines, stream } = collect()
    const logger = createLogger({ level: 'info', isPretty, stream })
    for (const name of redacted) {
      logger.info({ [name]: 'hidden' }, 'shown')
      logger.info({ request: { [name]: 'hidden' } }, 'shown')
      logger.info({ details: { request: { [name]: { deep: 'hidden' } } } }, 'shown')
    }
    assert.equal(lines.length, 3 * redacted.length)
    for (const line of lines) {
      assert.match(line, /\[redacted\]/)
      assert.match(line, /shown/)
      assert.doesNotMatch(line, /hidden/)
    }
  })
}

test('the list of what is a secret is long enough', () => {
  for (const name of ['authorization', 'cookie', 'dpop', 'env', 'headers', 'nonce', 'token']) {
    assert.ok(redacted.includes(name), name)
  }
})

test('a line as JSON has a time, a level, a message and the fields', () => {
  const { lines, stream } = collect()
  createLogger({ level: 'info', isPretty: false, stream }).warn({ session: 'abc' }, 'session.x')
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, string>
  assert.deepEqual(rest, { level: 'warn', session: 'abc', msg: 'session.x' })
  assert.ok(Math.abs(Date.now() - Date.parse(time ?? '')) < 60_000)
})

test('a pretty line is one line for people', () => {
  const { lines, stream } = collect()
  createLogger({ level: 'info', isPretty: true, stream }).info({ session: 'abc' }, 'session.x')
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^\[\d\d:\d\d:\d\d\] INFO: session\.x .*"session":"abc"/)
})

const about = { session: 'abc', server: 's' }
const counts = { calls: 1, elicitations: 0, samplings: 0, progress: 0 }

test('lines for people name the program as it was called, lines of JSON do not', () => {
  for (const isPretty of [true, false]) {
    const { lines, stream } = collect()
    const reworded = (line: string): string =>
      line.replace('mcp-berth doctor', 'npx mcp-berth doctor')
    const logger = createLogger({ level: 'info', isPretty, stream, reworded })
    logger.warn({ message: 'mcp-berth doctor tells more.' }, 'operator.warned')
    assert.equal(lines.join().includes('npx mcp-berth doctor'), isPretty)
  }
})

test('what happens is written at the level of its weight', () => {
  const { lines, stream } = collect()
  const events = createEvents()
  logEvents(events, createLogger({ level: 'debug', isPretty: false, stream }))
  events.emit('session.opened', { ...about, principal: 'anonymous' })
  events.emit('session.closed', { ...about, reason: 'idle', durationMs: 5, counts })
  events.emit('session.closed', { ...about, reason: 'start-failed', durationMs: 5, counts })
  events.emit('session.missed', { ...about, reason: 'idle' })
  events.emit('exchange.started', { ...about, method: 'tools/call' })
  events.emit('elicitation.requested', { ...about, mode: 'form' })
  events.emit('progress.reported', { ...about, progress: 1 })
  events.emit('operator.warned', { message: 'look' })
  const failed = { requestId: 'r', code: 'ERR_PROXY_NOT_JSON', cause: 'c' } as const
  events.emit('request.failed', { ...failed, statusCode: 400 })
  events.emit('request.failed', { ...failed, statusCode: 502 })
  events.emit('request.failed', { ...failed, statusCode: 502, code: 'ERR_SESSIONS_ENDED' })
  events.emit('worker.output', { ...about, workerId: 'w', driver: 'process', line: 'chatter' })
  assert.deepEqual(
    lines.map((line) => {
      const { level, msg } = JSON.parse(line) as { level: string; msg: string }
      return `${level} ${msg}`
    }),
    [
      'info session.opened',
      'info session.closed',
      'error session.closed',
      'info session.missed',
      'debug exchange.started',
      'info elicitation.requested',
      'info progress.reported',
      'warn operator.warned',
      'debug request.failed',
      'error request.failed',
      'info request.failed',
    ],
  )
})

test('at the default level a session is told of without each of its calls', () => {
  const { lines, stream } = collect()
  const events = createEvents()
  logEvents(events, createLogger({ level: 'info', isPretty: false, stream }))
  events.emit('exchange.started', { ...about, method: 'tools/call' })
  const usage = { cpuMs: 40 }
  events.emit('session.closed', { ...about, reason: 'idle', durationMs: 5, counts, usage })
  const [line, ...more] = lines.map((text) => JSON.parse(text) as Record<string, unknown>)
  assert.deepEqual(more, [])
  assert.deepEqual(
    [line?.['msg'], line?.['durationMs'], line?.['counts'], line?.['usage']],
    ['session.closed', 5, counts, usage],
  )
})

test('who was refused is seen at info, and of many a few, with how many more there were', () => {
  const { lines, stream } = collect()
  const events = createEvents()
  const clock = fakeClock()
  logEvents(events, createLogger({ level: 'info', isPretty: false, stream }), { clock })
  const refuse = (code: ErrorCode, statusCode: number): void =>
    events.emit('request.failed', { requestId: 'r', code, statusCode, cause: 'c' })
  for (let count = 0; count < 50; count += 1) refuse('ERR_AUTH_NO_TOKEN', 401)
  refuse('ERR_AUTH_SCOPE', 403)
  refuse('ERR_SESSIONS_PRINCIPAL_FULL', 429)
  refuse('ERR_PROXY_NOT_JSON', 400)
  clock.advance(10_000)
  refuse('ERR_AUTH_NO_TOKEN', 401)
  const told = lines.map((line) => {
    const { level, code, leftOut } = JSON.parse(line) as Record<string, unknown>
    return [level, code, ...(leftOut === undefined ? [] : [leftOut])].join(' ')
  })
  assert.deepEqual(told, [
    ...Array.from({ length: 20 }, () => 'info ERR_AUTH_NO_TOKEN'),
    'info ERR_AUTH_SCOPE',
    'info ERR_SESSIONS_PRINCIPAL_FULL',
    'warn ERR_AUTH_NO_TOKEN 30',
    'info ERR_AUTH_NO_TOKEN',
  ])
})
