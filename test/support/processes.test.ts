import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { atEnd } from './at-end.ts'
import { eventually } from './eventually.ts'
import { alive, commandOf, descendants, processesWith } from './processes.ts'

/** Runs a shell that ends with the test, and whatever is in its process group with it. */
function shell(t: TestContext, script: string, env: NodeJS.ProcessEnv = {}): number {
  const child = spawn('/bin/sh', ['-c', script], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], ...env },
  })
  const { pid } = child
  assert.ok(pid !== undefined)
  const exited = once(child, 'exit')
  atEnd(t, async () => {
    if (alive(pid)) process.kill(-pid, 'SIGKILL')
    await exited
  })
  return pid
}

const pidsOf = (entries: { pid: number }[]): number[] => entries.map(({ pid }) => pid)

test('the descendants of a process are its children and theirs', async (t) => {
  const pid = shell(t, `sh -c 'sleep 613 & wait' & wait`)
  const found = await eventually(() => {
    const entries = descendants(pid)
    assert.ok(entries.some((entry) => commandOf(entry.pid) === 'sleep 613'))
    return entries
  })
  assert.equal(found.length, 2)
  assert.deepEqual(
    found.map(({ parentPid }) => parentPid),
    [pid, found[0]?.pid],
  )
  assert.ok(pidsOf(descendants(process.pid)).includes(pid))
})

test('processes are found by what their environment, or that of their children, says', async (t) => {
  const marker = `marker-${process.pid}-${Date.now()}`
  const pid = shell(t, 'sleep 614 & wait', { BERTH_MARK: marker })
  shell(t, 'sleep 615 & wait')
  await eventually(() => {
    const found = processesWith(marker)
    assert.equal(found.length, 2)
    assert.equal(found[0]?.pid, pid)
  })
  assert.deepEqual(processesWith(`${marker}-other`), [])
})

test('a process is alive until it has ended; a zombie is not', async (t) => {
  assert.equal(alive(process.pid), true)
  // The shell becomes a sleep that never asks after its child.
  const pid = shell(t, `sleep 1 & exec sleep 616`)
  const child = await eventually(() => {
    const [entry] = descendants(pid)
    assert.ok(entry)
    return entry.pid
  })
  await eventually(() => {
    assert.equal(alive(child), false)
  })
  assert.doesNotThrow(() => process.kill(child, 0), 'it is still there, as a zombie')
  assert.deepEqual(descendants(pid), [])
  assert.equal(alive(pid), true)
  process.kill(pid, 'SIGKILL')
  await eventually(() => {
    assert.equal(alive(pid), false)
  })
})
