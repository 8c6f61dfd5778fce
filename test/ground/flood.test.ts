import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'

import type { Events } from '../../src/ground/events.ts'
import { createEvents } from '../../src/ground/events.ts'
import { shortenedIn } from '../../src/ground/flood.ts'
import { createLogger, logEvents } from '../../src/ground/log.ts'
import { showOutput } from '../../src/cli/serve-screen.ts'
import type { FakeClock } from '../support/fake-clock.ts'
import { fakeClock } from '../support/fake-clock.ts'

interface Line {
  msg: string
  session?: string
  server?: string
  leftOut?: number
  message?: string
}

function collect() {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const lines = (): Line[] =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line)
  return { stream, text: () => text, lines }
}

function watch(level = 'info'): ReturnType<typeof collect> & { events: Events; clock: FakeClock } {
  const log = collect()
  const events = createEvents()
  const clock = fakeClock()
  logEvents(events, createLogger({ level, isPretty: false, stream: log.stream }), { clock })
  return { ...log, events, clock }
}

const loud = { session: 'loud', server: 's' }
const quiet = { session: 'quiet', server: 's' }
const counts = { calls: 1, elicitations: 0, samplings: 0, progress: 0 }

test('a worker that makes news without end fills no log, and is told of once', () => {
  const { events, clock, lines } = watch()
  for (let at = 0; at < 100_000; at += 1)
    events.emit('elicitation.requested', { ...loud, mode: 'f' })
  events.emit('sampling.requested', quiet)
  events.emit('session.closed', { ...loud, reason: 'idle', durationMs: 1, counts })
  assert.equal(lines().length, 302)
  clock.advance(10_000)
  const told = lines().filter(({ msg }) => msg === 'lines.left-out')
  assert.deepEqual(
    told.map(({ session, server, leftOut }) => [session, server, leftOut]),
    [['loud', 's', 99_700]],
  )
  clock.advance(60_000)
  assert.equal(clock.pending, 0)
  events.emit('elicitation.requested', { ...loud, mode: 'f' })
  assert.equal(lines().length, 304)
})

test('what is long is cut, and what is left out is counted, at any size', () => {
  const { events, clock, text } = watch()
  const message = 'x'.repeat(5_000_000)
  for (let second = 0; second < 20; second += 1) {
    for (let at = 0; at < 20; at += 1)
      events.emit('progress.reported', { ...loud, progress: 1, message })
    clock.advance(1000)
  }
  assert.ok(text().length < 1_500_000, `${text().length} characters`)
  assert.match(text(), /xxx… \(4998000 more\)/)
})

test('failed requests are one source for each code, and unknown sessions one for each server', () => {
  const { events, clock, lines } = watch()
  for (let at = 0; at < 1000; at += 1) {
    const requestId = `r${at}`
    events.emit('request.failed', {
      requestId,
      code: 'ERR_WORKERS_SPAWN',
      statusCode: 502,
      cause: 'c',
    })
    events.emit('session.missed', { session: `made-up-${at}`, server: 's', reason: 'unknown' })
  }
  events.emit('request.failed', {
    requestId: 'x',
    code: 'ERR_PROXY_INTERNAL',
    statusCode: 500,
    cause: 'c',
  })
  assert.equal(lines().length, 601)
  clock.advance(10_000)
  assert.equal(lines().filter(({ msg }) => msg === 'lines.left-out').length, 2)
})

test('what a level leaves out is not counted', () => {
  const { events, clock, lines } = watch()
  for (let at = 0; at < 1000; at += 1) events.emit('exchange.started', { ...loud, method: 'm' })
  events.emit('sampling.requested', loud)
  clock.advance(60_000)
  assert.deepEqual(
    lines().map(({ msg }) => msg),
    ['sampling.requested'],
  )
})

test('news of any shape come out short', () => {
  const deep = (levels: number): object => (levels === 0 ? {} : { in: deep(levels - 1) })
  const news = {
    details: { lastLines: Array.from({ length: 500 }, () => 'y'.repeat(3000)), deep: deep(50) },
    nothing: undefined,
    count: 1,
  }
  const short = shortenedIn(news)
  assert.ok(JSON.stringify(short).length < 25_000)
  assert.equal(short.count, 1)
  assert.deepEqual(shortenedIn({ a: ['b'] }), { a: ['b'] })
})

test('so does what workers write at a terminal', () => {
  const { stream, text } = collect()
  const events = createEvents()
  const clock = fakeClock()
  showOutput(events, stream, clock)
  const news = { ...loud, workerId: 'w', driver: 'process' }
  events.emit('worker.output', { ...news, line: 'z'.repeat(10_000_000) })
  for (let at = 0; at < 5000; at += 1) events.emit('worker.output', { ...news, line: 'again' })
  events.emit('worker.output', { ...news, session: 'quiet', line: 'hear me' })
  clock.advance(10_000)
  assert.ok(text().length < 20_000)
  assert.match(text(), /s\/quie │ hear me\n/)
  assert.match(text(), /s\/loud │ … 4701 lines left out; mcp-berth logs loud has them\n/)
})
