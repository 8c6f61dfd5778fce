import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'

import { createLimitGroups } from '../../../src/workers/limits/groups.ts'
import { eventually } from '../../support/eventually.ts'
import { alive } from '../../support/processes.ts'
import {
  makeGroup,
  neighboursOf,
  newId,
  remainsOf,
  runIn,
  skipWithout,
  startGroups,
} from './rig.ts'

const MiB = 1024 * 1024

/** Reads 64 MiB of zeros into one buffer, and ends. */
const hog = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1', 'iflag=fullblock']
/** 50 children at most. */
const bomb = [
  'sh',
  '-c',
  'for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5; do sleep 30 & done; done; wait',
]
const busy = ['sh', '-c', 'while :; do :; done']
const idle = ['sleep', '30']

suite('a worker with a limit of memory', { skip: skipWithout('memory') }, () => {
  test('is killed alone when it takes more', async (t) => {
    const { groups } = startGroups()
    const limits = { memoryBytes: 32 * MiB }
    const [group, other] = [makeGroup(t, groups, limits), makeGroup(t, groups, limits)]
    const neighbour = runIn(t, other, idle)
    const { ended } = runIn(t, group, hog)
    assert.deepEqual(await ended, { code: null, signal: 'SIGKILL' })
    assert.equal(group.oomKills(), 1)
    assert.equal(other.oomKills(), 0)
    assert.equal(neighbour.child.exitCode, null)
    assert.ok(alive(neighbour.child.pid ?? 0))
    const { peakMemoryBytes = 0 } = group.usage()
    assert.ok(peakMemoryBytes > 16 * MiB && peakMemoryBytes <= 32 * MiB, String(peakMemoryBytes))
  })

  test('may take what it is allowed', async (t) => {
    const group = makeGroup(t, startGroups().groups, { memoryBytes: 128 * MiB })
    assert.deepEqual(await runIn(t, group, hog).ended, { code: 0, signal: null })
    assert.equal(group.oomKills(), 0)
  })
})

suite('a worker with a limit of processes', { skip: skipWithout('pids') }, () => {
  test('forks no further, and all that it forked is killed with it', async (t) => {
    const group = makeGroup(t, startGroups().groups, { pids: 10 })
    const { ended, stderr } = runIn(t, group, bomb)
    await ended
    assert.match(stderr(), /fork/)
    const { processes = 0 } = group.usage()
    assert.ok(processes > 1 && processes <= 10, String(processes))
    group.kill()
    await eventually(() => assert.equal(group.usage().processes, 0))
    await group.remove()
    assert.deepEqual(remainsOf(group), [])
  })
})

suite('a worker with a share of the cores', { skip: skipWithout('cpus') }, () => {
  test('waits when the share is used up', async (t) => {
    const { groups } = startGroups()
    const group = makeGroup(t, groups, { cpus: 0.2 })
    const free = makeGroup(t, groups, {})
    runIn(t, group, busy)
    runIn(t, free, busy)
    await eventually(() => {
      assert.ok(group.throttled() > 2)
      assert.ok((group.usage().cpuMs ?? 0) > 0)
      assert.ok((free.usage().cpuMs ?? 0) > 0)
    })
    assert.equal(free.throttled(), 0)
  })
})

suite('the groups of a worker', { skip: skipWithout('memory', 'pids') }, () => {
  test('measure one without limits, too', async (t) => {
    const group = makeGroup(t, startGroups().groups, {})
    assert.equal(group.usage().processes, 0)
    const { child } = runIn(t, group, ['sh', '-c', 'sleep 30 & wait'])
    await eventually(() => assert.equal(group.usage().processes, 2))
    const usage = group.usage()
    assert.ok((usage.peakMemoryBytes ?? 0) > 0)
    assert.equal(typeof usage.cpuMs, 'number')
    child.kill('SIGKILL')
  })

  test('leave nothing behind when they are removed', async (t) => {
    const { groups } = startGroups()
    const [group, other] = [makeGroup(t, groups, { pids: 5 }), makeGroup(t, groups, {})]
    runIn(t, group, idle)
    await eventually(() => assert.equal(group.usage().processes, 1))
    group.kill()
    await group.remove()
    assert.deepEqual(group.usage(), {})
    assert.equal(group.oomKills(), 0)
    assert.equal(neighboursOf(other).length, 1)
    await other.remove()
    assert.deepEqual(remainsOf(other), [])
    await other.remove()
  })

  test('are given up after a second while something lives in them', async (t) => {
    const group = makeGroup(t, startGroups().groups, {})
    const { child } = runIn(t, group, idle)
    // In all of them: a group that it has not joined yet would go, and the process could not start.
    await eventually(() => {
      for (const file of group.procsFiles) assert.notEqual(readFileSync(file, 'utf8'), '')
    })
    await group.remove()
    assert.ok(alive(child.pid ?? 0))
    assert.equal(group.usage().processes, 1)
  })

  test('are found again by another gateway of the installation, and by no other', async (t) => {
    const { installation, groups } = startGroups()
    const workerId = newId()
    const group = makeGroup(t, groups, { pids: 20 }, workerId)
    const { child } = runIn(t, group, idle)
    await eventually(() => assert.equal(group.usage().processes, 1))

    const again = createLimitGroups({ installation }).find(workerId)
    assert.deepEqual(again?.procsFiles, group.procsFiles)
    assert.equal(again.usage().processes, 1)
    assert.equal(startGroups().groups.find(workerId), undefined)
    assert.equal(groups.find(newId()), undefined)
    assert.equal(groups.find('..'), undefined)
    again.kill()
    await once(child, 'exit')
  })

  test('are found again by a gateway that is in other groups itself', async (t) => {
    const { installation, groups } = startGroups()
    const workerId = newId()
    const group = makeGroup(t, groups, { pids: 20 }, workerId)
    const { child } = runIn(t, group, idle)
    await eventually(() => assert.equal(group.usage().processes, 1))

    const cgroup = readFileSync('/proc/self/cgroup', 'utf8').replace(/:[^:\n]*$/gm, ':/elsewhere')
    const elsewhere = createLimitGroups({ installation, cgroup })
    const again = elsewhere.find(workerId, group.where)
    assert.deepEqual(again?.procsFiles, group.procsFiles)
    assert.deepEqual(again.usage(), group.usage())
    assert.equal(again.oomFile, group.oomFile)
    const dirs = group.where.split('\n')
    const notIts = [...dirs.map((dir) => `${dir}/.`), ...dirs.map(dirname), '/tmp', '']
    for (const where of notIts) assert.equal(elsewhere.find(workerId, where), undefined, where)
    assert.equal(elsewhere.find(newId(), group.where), undefined)
    assert.equal(startGroups().groups.find(workerId, group.where), undefined)
    again.kill()
    await once(child, 'exit')
    await again.remove()
    assert.deepEqual(remainsOf(group), [])
  })

  test('go with what the worker made in them', async (t) => {
    const group = makeGroup(t, startGroups().groups, {})
    const inner = join(dirname(group.procsFiles[0] ?? ''), 'inner')
    mkdirSync(inner)
    const hidden = { ...group, procsFiles: [join(inner, 'cgroup.procs')] }
    const { ended } = runIn(t, hidden, idle)
    await eventually(() => assert.equal(group.usage().processes, 1))
    group.kill()
    assert.equal((await ended).signal, 'SIGKILL')
    await group.remove()
    assert.deepEqual(remainsOf(group), [])
  })

  test('of one worker go, and those of its neighbours stay, empty ones too', async (t) => {
    const { groups } = startGroups()
    const [ownId, otherId] = [newId(), newId()]
    const own = makeGroup(t, groups, {}, ownId)
    const other = makeGroup(t, groups, {}, otherId)
    await own.remove()
    assert.deepEqual(neighboursOf(other), [otherId])
  })

  test('cannot be made for what is no id', () => {
    assert.throws(() => startGroups().groups.create('../x', {}), /A worker id has letters/)
  })
})

test('looking what can be limited leaves nothing behind', async () => {
  const { installation, groups } = startGroups()
  const found = groups.enforcement()
  assert.deepEqual(
    found.map(({ limit }) => limit),
    ['memory', 'cpus', 'pids', 'openFiles'],
  )
  const group = groups.create(newId(), {})
  if (group === undefined) return
  assert.equal(neighboursOf(group).length, 1)
  await group.remove()
  assert.deepEqual(remainsOf(group), [])
  assert.ok(!readFileSync('/proc/self/cgroup', 'utf8').includes(installation.slice(0, 8)))
})
