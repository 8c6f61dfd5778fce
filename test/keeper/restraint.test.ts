import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Reply } from '../../src/keeper/reply.ts'
import { createRestraint } from '../../src/keeper/restraint.ts'
import { fakeClock } from '../support/fake-clock.ts'

const mebibyte = 1024 * 1024

interface Unread extends Reply {
  destroyed: boolean
  writableLength: number
}

/** A reply that nobody reads, but for what the test takes of it. */
function unread(): Unread {
  const reply = {
    destroyed: false,
    writableLength: 3 * mebibyte,
    destroy: () => (reply.destroyed = true),
  }
  return reply as unknown as Unread
}

function stand() {
  const clock = fakeClock()
  const held: boolean[] = []
  return { clock, held, restraint: createRestraint(clock, (isHeld) => held.push(isHeld)) }
}

test('a server is held back while a reader is more than 1 MiB behind, once for all of them', () => {
  const { clock, held, restraint } = stand()
  const [one, other] = [unread(), unread()]
  restraint.wrote(one, mebibyte)
  assert.deepEqual(held, [])
  restraint.wrote(one, mebibyte + 1)
  restraint.wrote(other, 2 * mebibyte)
  restraint.wrote(one, 2 * mebibyte)
  assert.deepEqual(held, [true])
  restraint.freed(one)
  assert.deepEqual(held, [true])
  restraint.freed(other)
  restraint.freed(other)
  assert.deepEqual(held, [true, false])
  assert.equal(clock.pending, 0)
})

test('who reads slowly is waited for, and who has taken nothing for 15 s is cut off', () => {
  const { clock, held, restraint } = stand()
  const [slow, still] = [unread(), unread()]
  restraint.wrote(slow, 2 * mebibyte)
  restraint.wrote(still, 2 * mebibyte)
  for (let second = 0; second < 14; second += 1) {
    slow.writableLength -= 1000
    clock.advance(1000)
  }
  assert.deepEqual([slow.destroyed, still.destroyed], [false, false])
  clock.advance(1000)
  assert.deepEqual([slow.destroyed, still.destroyed], [false, true])
  assert.deepEqual(held, [true])
  clock.advance(16_000)
  assert.ok(slow.destroyed)
  assert.deepEqual(held, [true, false])
  assert.equal(clock.pending, 0)
})
