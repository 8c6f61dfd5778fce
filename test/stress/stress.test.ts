import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import type { TestContext } from 'node:test'

import { createChances } from '../chaos/random.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { alive, descendants, isStopped } from '../support/processes.ts'
import { startBusyLoops } from './busy-loops.ts'
import { freezeAtRandom } from './freezing.ts'

const gapMs = { from: 50, upTo: 100 }

function shell(t: TestContext, script: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], ...env },
  })
  const exited = once(child, 'exit')
  atEnd(t, async () => {
    for (const { pid } of descendants(child.pid!)) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
    await exited
  })
  return child
}

test('a tree of processes stands still now and then, and runs on in the end', async (t) => {
  const pid = shell(t, 'sleep 617 & wait').pid!
  const [child] = await eventually(() => {
    const found = descendants(pid)
    assert.equal(found.length, 1)
    return found
  })
  const freezing = freezeAtRandom({
    pid,
    marker: 'none-',
    chances: createChances(1),
    atMost: 3,
    gapMs,
  })
  atEnd(t, () => freezing.stop())
  await eventually(() => assert.deepEqual([pid, child!.pid].map(isStopped), [true, true]))
  await eventually(() => assert.equal(freezing.count(), 3))
  await freezing.stop()
  assert.deepEqual([pid, child!.pid].map(isStopped), [false, false])
})

test('what has lost its parent is found by its marker; what somebody else has stopped stays so', async (t) => {
  const marker = `stress-${process.pid}-${Math.random()}`
  const orphan = shell(t, 'exec sleep 618', { BERTH_MARK: marker }).pid!
  const stopped = shell(t, 'exec sleep 619', { BERTH_MARK: marker }).pid!
  process.kill(stopped, 'SIGSTOP')
  await eventually(() => assert.ok(isStopped(stopped)))
  // Not below what is named here.
  const pid = shell(t, 'exec sleep 620').pid!
  const freezing = freezeAtRandom({ pid, marker, chances: createChances(2), atMost: 1, gapMs })
  atEnd(t, () => freezing.stop())
  await eventually(() => assert.ok(isStopped(orphan)))
  await freezing.stop()
  assert.deepEqual([orphan, stopped].map(isStopped), [false, true])
})

test('busy loops are busy until they are stopped, or their time is over', async () => {
  const before = descendants(process.pid).length
  const loops = startBusyLoops(2, 600_000)
  const brief = startBusyLoops(1, 1)
  await eventually(() => assert.equal(descendants(process.pid).length - before, 2))
  await loops.stop()
  await brief.stop()
  assert.equal(descendants(process.pid).length, before)
  assert.ok(alive(process.pid))
})
