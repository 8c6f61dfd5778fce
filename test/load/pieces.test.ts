import assert from 'node:assert/strict'
import { test } from 'node:test'

import { judgeContainment } from '../../src/load/containment.ts'
import { createMeasure, halve, readHistogram } from '../../src/load/drive/measure.ts'
import { mergeResults } from '../../src/load/drive/merge.ts'
import { linear, logarithmic } from '../../src/load/report/svg.ts'
import { readScenario, scenarioSkeleton } from '../../src/load/scenario.ts'
import { isLoopback } from '../../src/load/target.ts'
import { soonestEnd, usersOf } from '../../src/load/users.ts'
import { judgeSeparation } from '../../src/load/verdict.ts'
import { drive, planFor, toy } from './rig.ts'

test('only addresses of this machine are loopback', () => {
  const here = ['http://localhost:1/', 'http://127.0.0.1/', 'http://127.9.8.7/', 'http://[::1]:8/']
  const elsewhere = [
    'http://example.com/',
    'http://10.0.0.1/',
    'http://0.0.0.0/',
    'http://127.0.0.1.example.com/',
    'http://localhost.example.com/',
    'http://[::ffff:8.8.8.8]/',
  ]
  for (const url of here) assert.equal(isLoopback(new URL(url)), true, url)
  for (const url of elsewhere) assert.equal(isLoopback(new URL(url)), false, url)
})

test('a skeleton made from schemas is a scenario that can be read', () => {
  const text = scenarioSkeleton([
    {
      name: 'search',
      inputSchema: {
        type: 'object',
        required: ['query', 'limit', 'kind', 'tags', 'where', 'exact'],
        properties: {
          query: { type: 'string' },
          limit: { type: 'integer', minimum: 5 },
          kind: { enum: ['a', 'b'] },
          tags: { type: 'array', items: { type: 'string' } },
          where: { anyOf: [{ type: 'object', properties: {} }, { type: 'null' }] },
          exact: { type: 'boolean' },
          page: { type: 'integer' },
        },
      },
    },
    { name: 'now' },
  ])
  assert.deepEqual(readScenario(text, 'x.yaml'), [
    {
      name: 'search',
      arguments: {
        query: '${canary}',
        limit: 5,
        kind: 'a',
        tags: ['${canary}'],
        where: {},
        exact: false,
      },
      weight: 1,
      thinkMs: 0,
      echoes: false,
    },
    { name: 'now', arguments: {}, weight: 1, thinkMs: 0, echoes: false },
  ])
})

const mistakes: Record<string, RegExp> = {
  '': /has to have a list "tools"/,
  'tools: []': /at least one/,
  'tools: [{}]': /tools\[0\] has no name/,
  'tools: [{name: a, argument: {}}]': /tools\[0\]\.argument is unknown/,
  'tools: [{name: a, arguments: 1}]': /arguments has to be an object/,
  'tools: [{name: a, weight: 0}]': /weight has to be above 0/,
  'tools: [{name: a, thinkMs: -1}]': /thinkMs has to be/,
  'tools: [{name: a, echoes: 1}]': /echoes has to be/,
  'tools: [': /is no scenario/,
}
for (const [text, expected] of Object.entries(mistakes)) {
  test(`a scenario that is wrong is refused by name: ${text}`, () => {
    assert.throws(() => readScenario(text, 'x.yaml'), expected)
  })
}

test('a scenario calls only what it names, with the canary where it wants it', async (t) => {
  const tools = readScenario(
    'tools: [{name: echo, arguments: {text: "I am ${canary} (${tag})"}, echoes: true, thinkMs: 1}]',
    'x.yaml',
  )
  const result = await drive(planFor(await toy(t), { profile: { tools }, durationMs: 100 }))
  assert.deepEqual(judgeSeparation(result, { toleratesFailures: false }).verdict, 'PASS')
  assert.deepEqual(Object.keys(result.measure.histograms), ['initialize', 'echo'])
  const silent = tools.map((tool) => ({ ...tool, echoes: false }))
  const unseen = await drive(planFor(await toy(t), { profile: { tools: silent }, durationMs: 50 }))
  assert.match(
    judgeSeparation(unseen, { toleratesFailures: false }).reasons.join(' '),
    /No answer had a canary/,
  )
})

test('users get their tokens from a file or a command, and each a different one', async () => {
  const text = '# of the test\none\n\ntwo\n'
  const fromFile = await usersOf(2, { kind: 'file', file: 'tokens.txt', text })
  assert.deepEqual(
    fromFile.map(({ headers }) => headers),
    [{ authorization: 'Bearer one' }, { authorization: 'Bearer two' }],
  )
  await assert.rejects(
    usersOf(3, { kind: 'file', file: 'tokens.txt', text }),
    /has 2 tokens for 3 users/,
  )
  assert.equal(soonestEnd(fromFile), undefined)
  const mint = (name: string): Promise<string> => {
    const claims = { exp: name === 'u1' ? 20 : 10 }
    return Promise.resolve(
      `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${name}`,
    )
  }
  assert.equal(soonestEnd(await usersOf(2, { kind: 'mint', mint })), 10_000)
  const node = (code: string): string[] => [process.execPath, '-e', code, '{sub}']
  const words = node('console.log(`token-of-${process.argv[1]}`)')
  const minted = await usersOf(2, { kind: 'command', words })
  assert.deepEqual(minted[1], { name: 'u2', headers: { authorization: 'Bearer token-of-u2' } })
  const same = node('console.log("same")')
  await assert.rejects(usersOf(2, { kind: 'command', words: same }), /only 1 differ/)
  const failing = node('console.error("no issuer"); process.exit(1)')
  await assert.rejects(usersOf(1, { kind: 'command', words: failing }), /for user u1: no issuer/)
})

test('containment fails with what got through, but for what the level does not promise', () => {
  const attempt = (name: string, outcome: 'stopped' | 'got-through') => ({
    name,
    about: name,
    attempts: { target: { outcome, how: 'so' } },
  })
  const open = { rows: [attempt('read-home', 'stopped'), attempt('connect-port', 'got-through')] }
  assert.equal(judgeContainment(open, 'sandbox', 'target').verdict, 'PASS')
  assert.deepEqual(judgeContainment(open, 'private-network', 'target'), {
    verdict: 'FAIL',
    reasons: ['connect-port got through: so.'],
  })
  assert.equal(judgeContainment(open, 'sandbox', 'other').verdict, 'INCONCLUSIVE')
})

test('a long run takes no more memory: spans are put together, counts are kept', () => {
  let nowMs = 0
  const measure = createMeasure(() => nowMs)
  for (; nowMs < 5000 * 1000; nowMs += 1000) measure.answered('call', 10)
  const { spans, spanMs } = measure.report()
  assert.ok(spans.length <= 600 && spanMs === 16_000, `${spans.length} ${spanMs}`)
  assert.equal(
    spans.reduce((sum, { exchanges }) => sum + exchanges, 0),
    5000,
  )
  assert.equal(halve(spans).length, Math.ceil(spans.length / 2))
})

test('what two processes found out is put together, and an id given to both is a leak', async (t) => {
  const url = await toy(t)
  const plan = planFor(url, { sessions: 2, profile: 'calls', durationMs: 30 })
  const first = await drive(plan)
  const second = await drive({ ...plan, firstNumber: 3 })
  const apart = mergeResults([first, second])
  assert.equal(judgeSeparation(apart, { toleratesFailures: false }).verdict, 'PASS')
  assert.equal(apart.evidence.sessions, 4)
  const { matched } = apart.evidence
  assert.equal(
    matched.arguments,
    first.evidence.matched.arguments + second.evidence.matched.arguments,
  )
  assert.equal(readHistogram(apart.measure.histograms['initialize'] ?? '').totalCount, 4)

  second.evidence.ids.push({ ...first.evidence.ids[0]!, session: 3 })
  const { leaks, leakCount } = mergeResults([first, second]).evidence
  assert.deepEqual([leakCount, leaks[0]?.what, leaks[0]?.session], [1, 'session id', 3])
})

test('scales have round ticks, and all values between them', () => {
  assert.deepEqual(linear(87, [0, 100]).ticks, [0, 50, 100])
  assert.deepEqual(linear(0.3, [0, 100]).ticks.length, 4)
  const scale = logarithmic([3, 700], [0, 300])
  assert.deepEqual(scale.ticks, [1, 10, 100, 1000])
  assert.equal(Math.round(scale(10)), 100)
})
