import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createTeardown } from '../../src/ground/teardown.ts'

test('what was set up last is taken down first, one after the other', async () => {
  const taken: string[] = []
  const down = createTeardown<number>()
  down.add((how) => taken.push(`first ${how}`))
  down.add(async () => {
    await new Promise(setImmediate)
    taken.push('second')
  })
  await down.run(7)
  assert.deepEqual(taken, ['second', 'first 7'])
})

test('a step that fails keeps none of the others from being taken, and is told', async () => {
  const taken: string[] = []
  const down = createTeardown<undefined>()
  down.add(() => taken.push('first'))
  down.add(() => Promise.reject(new Error('second')))
  down.add(() => {
    throw new Error('third')
  })
  await assert.rejects(down.run(undefined), /third/)
  assert.deepEqual(taken, ['first'])
})

test('whoever calls again waits for the same', async () => {
  let count = 0
  const down = createTeardown<undefined>()
  down.add(() => new Promise((resolve) => setImmediate(resolve)))
  down.add(() => (count += 1))
  await Promise.all([down.run(undefined), down.run(undefined)])
  await down.run(undefined)
  assert.equal(count, 1)
})
