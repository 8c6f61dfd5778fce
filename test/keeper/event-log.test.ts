import assert from 'node:assert/strict'
import test from 'node:test'

import { createEventLog } from '../../src/keeper/event-log.ts'
import type { LoggedEvent, Trail } from '../../src/keeper/event-log.ts'
import { createFakeClock } from './face-rig.ts'

interface TestTrail extends Trail {
  emptied: number
  behind: boolean
}

function createTrail(key: string): TestTrail {
  const trail = {
    key,
    last: 0,
    lost: 0,
    kept: 0,
    emptied: 0,
    behind: false,
    isBehind: () => trail.behind,
    onEmpty: () => (trail.emptied += 1),
  }
  return trail
}

const numbers = (events: LoggedEvent[]): number[] => events.map(({ number }) => number)

test('an event is a frame with an id and its message', () => {
  const log = createEventLog({ clock: createFakeClock() })
  const event = log.add(createTrail('a'), '{"x":1}')
  assert.equal(event.frame, 'id: a-1\nevent: message\ndata: {"x":1}\n\n')
})

test('what was sent is evicted before what waits, whichever is older', () => {
  const log = createEventLog({ clock: createFakeClock(), limitEvents: 3 })
  const waiting = createTrail('a')
  const sent = createTrail('b')
  log.add(waiting, '1')
  log.markSent(log.add(sent, '1'))
  log.markSent(log.add(sent, '2'))
  log.add(waiting, '2')
  assert.equal(sent.lost, 1)
  log.add(waiting, '3')
  assert.deepEqual([sent.lost, sent.kept, sent.emptied], [2, 0, 1])
  assert.deepEqual(numbers(log.unsent(waiting)), [1, 2, 3])
  log.add(waiting, '4')
  assert.equal(waiting.lost, 1)
  assert.deepEqual(numbers(log.after(waiting, 2)), [3, 4])
})

test('bytes are bounded too, but for the newest event', () => {
  const log = createEventLog({ clock: createFakeClock(), limitBytes: 1000 })
  const trail = createTrail('a')
  log.add(trail, 'x'.repeat(900))
  log.add(trail, 'x'.repeat(5000))
  assert.deepEqual(numbers(log.unsent(trail)), [1, 2])
  log.add(trail, 'é'.repeat(400))
  assert.deepEqual(numbers(log.unsent(trail)), [3])
  log.add(trail, 'é'.repeat(400))
  log.add(trail, 'é'.repeat(400))
  assert.deepEqual(numbers(log.unsent(trail)), [4, 5])
})

test('a sent event is kept for 60 s, and again for as long when it was replayed', () => {
  const clock = createFakeClock()
  const log = createEventLog({ clock })
  const trail = createTrail('a')
  const first = log.add(trail, '1')
  const second = log.add(trail, '2')
  log.add(trail, '3')
  log.markSent(first)
  log.markSent(second)
  clock.advance(40_000)
  log.markSent(second)
  clock.advance(20_000)
  assert.deepEqual(numbers(log.after(trail, 0)), [2, 3])
  clock.advance(40_000)
  assert.deepEqual(numbers(log.after(trail, 0)), [3])
  assert.equal(trail.lost, 2)
  log.markSent(second)
  assert.deepEqual(numbers(log.after(trail, 0)), [3])
})

test('an event that is still on its way out is not forgotten', () => {
  const clock = createFakeClock()
  const log = createEventLog({ clock })
  const slow = createTrail('a')
  slow.behind = true
  log.markSent(log.add(slow, '1'))
  clock.advance(300_000)
  assert.equal(slow.kept, 1)
  slow.behind = false
  clock.advance(60_000)
  assert.deepEqual([slow.kept, slow.emptied], [0, 1])
})
