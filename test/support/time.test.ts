import assert from 'node:assert/strict'
import test from 'node:test'
import { eventually } from './eventually.ts'
import { fakeClock } from './fake-clock.ts'

test('eventually tries until it succeeds, and gives the result', async () => {
  let tries = 0
  const result = await eventually(async () => {
    await Promise.resolve()
    tries += 1
    if (tries < 3) throw new Error('not yet')
    return 'done'
  })
  assert.deepEqual([result, tries], ['done', 3])
})

test('eventually gives up with the last error and the time it spent', async () => {
  let tries = 0
  const trying = eventually(
    () => {
      tries += 1
      assert.equal(tries, -1)
    },
    // eslint-disable-next-line no-restricted-syntax -- the one test of this limit
    { withinMs: 60 },
  )
  await assert.rejects(trying, (error: Error) => {
    assert.ok(error instanceof assert.AssertionError)
    assert.match(error.message, /still so after 60 ms/)
    return true
  })
  assert.ok(tries >= 2)
})

test('the fake clock calls what is due in order, each at its own time', () => {
  const clock = fakeClock(1000)
  const seen: [string, number][] = []
  const note = (text: string) => () => seen.push([text, clock.now()])
  clock.after(50, note('later'))
  clock.every(20, note('tick'))
  clock.after(10, () => {
    note('first')()
    clock.after(5, note('nested'))
  })
  clock.after(10, note('second'))
  clock.advance(50)
  assert.deepEqual(seen, [
    ['first', 1010],
    ['second', 1010],
    ['nested', 1015],
    ['tick', 1020],
    ['tick', 1040],
    ['later', 1050],
  ])
  assert.equal(clock.now(), 1050)
  assert.equal(clock.pending, 1)
})

test('the fake clock never calls what was cancelled, not even in the same turn', () => {
  const clock = fakeClock()
  const victim = clock.after(10, () => assert.fail('was called'))
  const ticks = clock.every(4, () => {
    if (clock.now() % 8 === 0) ticks.cancel()
  })
  clock.after(5, () => victim.cancel())
  clock.advance(100)
  ticks.cancel()
  assert.equal(clock.pending, 0)
})

test('the fake clock moves on when a function arms itself again for at once', () => {
  const clock = fakeClock(0)
  let calls = 0
  const again = (): void => {
    calls += 1
    clock.after(0, again)
  }
  again()
  clock.advance(10)
  assert.equal(calls, 11)
})

test('advancing with settling lets promises arm what comes next', async () => {
  const clock = fakeClock()
  let rounds = 0
  const sweep = async (): Promise<void> => {
    await Promise.resolve()
    rounds += 1
    clock.after(1000, () => void sweep())
  }
  void sweep()
  await clock.advanceSettling(5000)
  assert.equal(rounds, 6)
})
