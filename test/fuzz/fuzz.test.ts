import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { need } from '../support/needs.ts'
import { spread, tryBatches, tryEach } from './fuzz.ts'
import { targets } from './targets/index.ts'

/** Always the same cases here; `npm run fuzz` has others each time. */
const seed = 20_251_125
const cases = 100_000

for (const [target, count] of spread(cases, targets)) {
  test(`${target.name}: ${count} cases of ${target.about}`, async (t) => {
    const redisServer = target.needs === undefined ? undefined : need(t, target.needs)
    if (target.needs !== undefined && redisServer === undefined) return
    await target.run(t, { count, seed, ...(redisServer === undefined ? {} : { redisServer }) })
  })
}

test('a hundred thousand cases are dealt out whole, most of them to what starts no process', () => {
  const dealt = spread(cases, targets)
  assert.equal(
    [...dealt.values()].reduce((sum, count) => sum + count, 0),
    cases,
  )
  assert.ok(Math.max(...dealt.values()) >= 0.8 * cases)
})

test('what comes through is told with what it takes to have it again', async () => {
  const about = { count: 500, seed: 1 }
  const each = (value: number): void => assert.ok(value < 90)
  const first = await told(() => tryEach('digits', about, fc.nat(99), each))
  assert.match(first, /npm run fuzz -- --seed 1 --path \S+ digits\n[^]*\[90\]/)
  const path = /--path (\S+)/.exec(first)?.[1] ?? ''
  assert.match(await told(() => tryEach('digits', { ...about, path }, fc.nat(99), each)), /\[90\]/)

  const batches = { made: fc.nat(99), size: 10 }
  const batch = async (all: number[]): Promise<void> => {
    await Promise.resolve()
    all.forEach(each)
  }
  const second = await told(() => tryBatches('digits', about, batches, batch))
  const where = /--path (\S+)/.exec(second)?.[1] ?? ''
  const again = await told(() => tryBatches('digits', { ...about, path: where }, batches, batch))
  assert.equal(again.split('\n').at(-1), second.split('\n').at(-1))
})

async function told(tried: () => Promise<void> | void): Promise<string> {
  try {
    await tried()
  } catch (thrown) {
    return (thrown as Error).message
  }
  return assert.fail('nothing came through')
}
