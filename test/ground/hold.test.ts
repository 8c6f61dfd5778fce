import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { createHold } from '../../src/ground/hold.ts'
import { fakeClock } from '../support/fake-clock.ts'

/** Whether what waits may go on. */
async function isOver(waiting: Promise<void> | undefined): Promise<boolean> {
  if (waiting === undefined) return true
  const open = Symbol()
  return (await Promise.race([waiting, nextTurn(open)])) !== open
}

test('a request waits only while a GET has not been answered', async () => {
  const hold = createHold(fakeClock())
  assert.equal(hold.wait(), undefined)
  const release = hold.raise()
  const waiting = hold.wait()
  assert.equal(await isOver(waiting), false)
  release()
  assert.equal(await isOver(waiting), true)
  assert.equal(hold.wait(), undefined)
})

test('it waits for every GET that came before it', async () => {
  const hold = createHold(fakeClock())
  const [first, second] = [hold.raise(), hold.raise()]
  const waiting = hold.wait()
  first()
  first()
  assert.equal(await isOver(waiting), false, 'one GET is answered once')
  second()
  assert.equal(await isOver(waiting), true)
})

test('it does not wait for a GET that came after it', async () => {
  const hold = createHold(fakeClock())
  const release = hold.raise()
  const waiting = hold.wait()
  hold.raise()
  release()
  assert.equal(await isOver(waiting), true)
  assert.equal(await isOver(hold.wait()), false)
})

test('it waits no longer than a second for a GET that is never answered', async () => {
  const clock = fakeClock()
  const hold = createHold(clock)
  const release = hold.raise()
  const waiting = hold.wait()
  clock.advance(999)
  assert.equal(await isOver(waiting), false)
  clock.advance(1)
  assert.equal(await isOver(waiting), true)
  release()
  assert.equal(hold.wait(), undefined)
  const again = hold.raise()
  assert.equal(await isOver(hold.wait()), false, 'the late answer has released nothing else')
  again()
  assert.equal(clock.pending, 0)
})
