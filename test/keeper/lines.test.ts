import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createBudgets } from '../../src/keeper/budget.ts'
import { createLineSplitter } from '../../src/keeper/lines.ts'

test('lines are the same in pieces of any size, a byte included', () => {
  const text = Buffer.from(`a\r\n\nbc\n${'d'.repeat(5000)}\nrest`)
  for (const size of [1, 2, 1000, text.length]) {
    const lines: string[] = []
    const splitter = createLineSplitter((line) => lines.push(line.toString()), 100_000)
    for (let at = 0; at < text.length; at += size) splitter.push(text.subarray(at, at + size))
    assert.equal(splitter.unfinished(), 'rest')
    splitter.end()
    assert.deepEqual(lines, ['a', '', 'bc', 'd'.repeat(5000), 'rest'])
  }
})

test('a line that is too long is told of once, and nothing is handed over any more', () => {
  const lines: string[] = []
  let told = 0
  const splitter = createLineSplitter(
    (line) => lines.push(line.toString()),
    1000,
    () => (told += 1),
  )
  splitter.push(Buffer.from('short\n'))
  for (let at = 0; at < 2000; at += 1) splitter.push(Buffer.from('x'))
  splitter.push(Buffer.from('y\nlater\nrest'))
  splitter.end()
  assert.deepEqual([lines, told, splitter.unfinished()], [['short'], 1, ''])
})

test('a keeper that has grown beyond its budget says so, once', () => {
  let usedBytes = 0
  const said: number[] = []
  const budget = createBudgets(() => usedBytes)((mebibytes) => said.push(mebibytes))
  budget.spent(50_000_000)
  usedBytes = 2 ** 30
  budget.spent(1000)
  assert.deepEqual(said, [], 'it looks now and then')
  for (let times = 0; times < 10; times += 1) budget.spent(50_000_000)
  assert.deepEqual(said, [512])
})

test('of several sessions the one that has had most lately is over the budget, and no other', () => {
  let nowMs = 0
  let usedBytes = 0
  const over: string[] = []
  const budgetOf = createBudgets(
    () => usedBytes,
    () => nowMs,
  )
  const [long, loud, quiet] = ['long', 'loud', 'quiet'].map((name) =>
    budgetOf(() => over.push(name)),
  )
  long?.spent(500_000_000)
  for (let times = 0; times < 20; times += 1) loud?.spent(50_000_000)
  usedBytes = 2 ** 30
  quiet?.spent(5_000_000)
  quiet?.spent(5_000_000)
  assert.deepEqual(over, ['loud'], 'its memory is not back at once')
  nowMs += 10_000
  long?.close()
  quiet?.spent(5_000_000)
  assert.deepEqual(over, ['loud', 'quiet'])
})
