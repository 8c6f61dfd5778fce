import assert from 'node:assert/strict'
import test from 'node:test'

import { spoken } from '../../src/ground/spoken.ts'

test('a time is said in seconds, and in milliseconds below one', () => {
  assert.deepEqual([120_000, 1500, 1000, 700].map(spoken), ['120 s', '1.5 s', '1 s', '700 ms'])
})
