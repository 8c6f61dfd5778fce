import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createMemory } from '../../src/auth/memory.ts'
import { fakeClock } from '../support/fake-clock.ts'

test('it remembers until a time, and never more than so many', () => {
  const clock = fakeClock()
  const memory = createMemory<number>(clock, 2)
  memory.set('a', 1, clock.now() + 10)
  memory.set('b', 2, clock.now() + 100)
  memory.set('a', 3, clock.now() + 10)
  memory.set('c', 4, clock.now() + 100)
  assert.deepEqual([memory.get('a'), memory.get('b'), memory.get('c')], [3, undefined, 4])
  clock.advance(10)
  assert.deepEqual([memory.get('a'), memory.get('c')], [undefined, 4])
})
