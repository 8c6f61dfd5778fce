import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createMachine } from '../../src/proxy/machine.ts'

const door = {
  open: { shut: 'closed' },
  closed: { pull: 'open', turn: 'locked' },
  locked: { turn: 'closed' },
} as const

test('what cannot happen in a state changes nothing', () => {
  const machine = createMachine<keyof typeof door, 'shut' | 'pull' | 'turn'>(door, 'locked')
  assert.equal(machine.take('pull'), false)
  assert.equal(machine.state, 'locked')
  assert.equal(machine.take('turn'), true)
  assert.equal(machine.take('pull'), true)
  assert.equal(machine.take('turn'), false)
  assert.equal(machine.is('open'), true)
  assert.equal(machine.is('locked'), false)
})
