import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { request } from 'node:http'
import { test } from 'node:test'

import { readHistogram } from '../../src/load/drive/measure.ts'
import { profileNames } from '../../src/load/drive/plan.ts'
import { profileOf } from '../../src/load/drive/profiles.ts'
import { shares, spread } from '../../src/load/drive/spread.ts'
import { judgeSeparation } from '../../src/load/verdict.ts'
import type { Owner } from '../support/temp.ts'
import { meanwhile } from '../support/patience.ts'
import { drive, planFor, serveHttp, toy } from './rig.ts'

const strictly = { toleratesFailures: false }
const users = ['ann', 'ben'].map((name) => ({
  name,
  headers: { authorization: `Bearer ${name}` },
}))

test('every profile passes at a sound gateway, and each session is through all of it', async (t) => {
  const url = await toy(t)
  for (const profile of profileNames) {
    const plan = planFor(url, { profile, durationMs: 60 })
    const result = await drive(plan)
    assert.deepEqual(judgeSeparation(result, strictly), { verdict: 'PASS', reasons: [] }, profile)
    const { matched, sessions, bytesSearched } = result.evidence
    for (const channel of profileOf(plan).required) assert.ok(matched[channel] >= 4, channel)
    assert.ok(sessions >= 4 && bytesSearched > 1000)
    assert.equal(result.measure.counts.opened, sessions)
    assert.deepEqual(result.measure.failures, {})
  }
})

for (const [how, ratePerSecond] of [
  ['at its rate', 200],
  ['also when more is wanted than can be done', 100_000],
] as const) {
  test(`churn closes sessions and opens others, each with a canary: ${how}`, async (t) => {
    const plan = { profile: 'churn', calls: 100, durationMs: 60_000, ratePerSecond } as const
    const result = await drive(planFor(await toy(t), plan))
    const { closed, abandoned, opened } = result.measure.counts
    assert.ok(opened > 8, `${opened}`)
    assert.equal(closed + abandoned, opened)
    assert.equal(result.evidence.sessions, opened)
  })
}

test('ends after so many exchanges, but takes every session through its channels', async (t) => {
  const result = await drive(
    planFor(await toy(t), { profile: 'calls', calls: 6, durationMs: 60_000 }),
  )
  const exchanges = result.measure.spans.reduce((sum, span) => sum + span.exchanges, 0)
  // Four times initialize, keep, call and recall.
  assert.equal(exchanges, 16)
  assert.equal(judgeSeparation(result, strictly).verdict, 'PASS')
})

test('counts from when an exchange was meant to begin, not from when it did', async (t) => {
  const url = await toy(t)
  const standStill = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
  void meanwhile(200).then(standStill)
  const { measure } = await drive(
    planFor(url, { profile: 'elicitation', sessions: 2, durationMs: 800 }),
  )
  const histogram = readHistogram(measure.histograms['elicitation'] ?? '')
  const late = histogram.totalCount * (1 - shareUpTo(histogram, 200_000))
  // 200 a second: some 40 of them were meant to begin in the first half of that pause. Whoever
  // waits for one answer before the next question would have seen two or six.
  assert.ok(late > 20, `${late}`)
})

function shareUpTo(
  histogram: { getValueAtPercentile(percentile: number): number },
  us: number,
): number {
  let percentile = 0
  while (percentile < 100 && histogram.getValueAtPercentile(percentile + 0.5) <= us)
    percentile += 0.5
  return percentile / 100
}

test('a gateway that does not look at tokens fails, and names who got in', async (t) => {
  const result = await drive(
    planFor(await toy(t, 'unguarded-id'), { profile: 'calls', users, sessions: 2 }),
  )
  assert.equal(judgeSeparation(result, strictly).verdict, 'FAIL')
  const [leak] = result.evidence.leaks
  assert.equal(leak?.what, 'ownership')
  assert.match(leak.where, /with the token of (ann|ben) on a session of (ann|ben)/)

  const telling = await drive(
    planFor(await toy(t, 'telltale-id'), { profile: 'calls', users, sessions: 2 }),
  )
  assert.deepEqual(
    telling.evidence.leaks.map(({ around }) => around),
    Array(2).fill('HTTP 403, where an unknown id gets HTTP 404'),
  )
})

test('refusals that differ each time are told apart by their status alone', async (t) => {
  let bodies = 0
  const url = await refusingWith(t, (response) => {
    response.writeHead(404).end(`request ${(bodies += 1)}`)
  })
  const result = await drive(planFor(url, { profile: 'calls', users, sessions: 2 }))
  assert.deepEqual(judgeSeparation(result, strictly), { verdict: 'PASS', reasons: [] })
  assert.equal(result.measure.counts.trespassesRefused, 4)
  // Of each attempt: the id, and two that do not exist.
  assert.equal(bodies, 12)
})

test('being turned away with a token that is not good proves nothing', async (t) => {
  const url = await refusingWith(t, (response) => void response.writeHead(401).end())
  const result = await drive(planFor(url, { profile: 'calls', users, sessions: 2 }))
  const { verdict, reasons } = judgeSeparation(result, { toleratesFailures: true })
  assert.deepEqual([verdict, reasons.length], ['INCONCLUSIVE', 1])
  assert.match(reasons[0] ?? '', /2 sessions did not get .* the id, in the hands of another user/)
  assert.equal(result.measure.counts.trespassesRefused, 0)
})

/** A sound gateway behind a proxy that says in its own way that there is no such session. */
async function refusingWith(t: Owner, refuse: (response: ServerResponse) => void): Promise<string> {
  const gateway = await toy(t)
  return serveHttp(t, (incoming, response) => {
    const { method, headers } = incoming
    const passed = request(gateway, { method, headers }, (answer) => {
      if (answer.statusCode === 404) {
        answer.resume()
        refuse(response)
        return
      }
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
    })
    passed.once('error', () => response.destroy())
    response.once('close', () => passed.destroy())
    incoming.pipe(passed)
  })
}

test('a target that refuses, or is not there, is inconclusive', async (t) => {
  const refusing = await serveHttp(t, (_request, response) => void response.writeHead(503).end())
  const refused = await drive(planFor(refusing, { sessions: 1, timeoutMs: 1000 }))
  const judged = judgeSeparation(refused, strictly)
  assert.equal(judged.verdict, 'INCONCLUSIVE')
  assert.match(judged.reasons.join(' '), /1 of 1 sessions could not be opened.*refused/)
})

test('several processes are as good as one, and their sessions never meet', async (t) => {
  const plan = planFor(await toy(t), { sessions: 5, calls: 30, durationMs: 20_000 })
  const numbers = shares(plan, 2).flatMap(({ firstNumber, stride, sessions }) =>
    Array.from({ length: sessions }, (_, at) => firstNumber + at * stride),
  )
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    [1, 2, 3, 4, 6],
  )
  let most = 0
  const result = await spread(plan, 2, {
    signal: new AbortController().signal,
    onSnapshot: ({ open }) => (most = Math.max(most, open)),
  })
  assert.deepEqual(judgeSeparation(result, strictly), { verdict: 'PASS', reasons: [] })
  assert.equal(result.wanted, 5)
  assert.ok(result.evidence.sessions >= 5)
  assert.ok(readHistogram(result.measure.histograms['call'] ?? '').totalCount >= 5)
  assert.equal(most, 5)
})

test('is over soon when it is stopped, and says that it was', async (t) => {
  const stop = new AbortController()
  const plan = planFor(await toy(t), { durationMs: 60_000 })
  void meanwhile(100).then(() => stop.abort())
  const result = await spread(plan, 1, { signal: stop.signal, onSnapshot: () => undefined })
  const judged = judgeSeparation(result, strictly)
  assert.equal(judged.verdict, 'INCONCLUSIVE')
  assert.match(judged.reasons[0] ?? '', /stopped/)
})
