import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { createLimitGroups } from '../../../src/workers/limits/groups.ts'
import { whyNoGroup } from '../../../src/workers/limits/reasons.ts'
import type { Owner } from '../../support/temp.ts'
import { tempDir } from '../../support/temp.ts'
import { newId } from './rig.ts'

/**
 * cgroup v2 as a folder of plain files. It shows what is written where. What the kernel would make
 * of it, and the files that it would put into a new group, the test writes itself.
 */
function unified(
  t: Owner,
  { own = '/app.scope', pids = [process.pid], offers = 'cpu io memory pids' } = {},
) {
  const mount = tempDir(t)
  const installation = newId()
  const workerId = newId()
  const base = join(mount, own.replace(/\/berth\.gateway$/, ''))
  const folder = join(base, `berth-${installation.slice(0, 8)}`)
  const worker = join(folder, workerId)
  const trial = join(folder, `trial-${process.pid}`)
  for (const dir of [join(mount, own), base, folder, worker, trial]) {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'cgroup.controllers'), `${offers}\n`)
  }
  writeFileSync(join(base, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''))
  writeFileSync(join(base, 'cgroup.subtree_control'), '\n')
  writeFileSync(join(base, 'cgroup.type'), 'domain\n')
  const groups = createLimitGroups({
    installation,
    cgroup: `0::${own}\n`,
    mountinfo: `38 31 0:35 / ${mount} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n`,
  })
  const read = (...path: string[]): string | undefined => {
    const file = join(...path)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }
  return { groups, base, folder, worker, workerId, trial, read, leaf: join(base, 'berth.gateway') }
}

suite('on cgroup v2', () => {
  test('the gateway moves into a leaf and hands on what it was given', (t) => {
    const { groups, base, folder, leaf, read } = unified(t)
    assert.deepEqual(groups.enforcement(), [
      { limit: 'memory', by: 'cgroup v2' },
      { limit: 'cpus', by: 'cgroup v2' },
      { limit: 'pids', by: 'cgroup v2' },
      { limit: 'openFiles', by: 'rlimit (ulimit -n)' },
    ])
    assert.equal(read(leaf, 'cgroup.procs'), String(process.pid))
    // The last of four: a plain file keeps only that.
    assert.equal(read(base, 'cgroup.subtree_control'), '+io')
    assert.equal(read(folder, 'cgroup.subtree_control'), '+io')
  })

  test('the limits of a worker are written as the kernel reads them', (t) => {
    const { groups, worker, workerId, trial, read } = unified(t)
    const group = groups.create(workerId, { memoryBytes: 2 ** 29, cpus: 0.5, pids: 100 })
    assert.deepEqual(group?.procsFiles, [join(worker, 'cgroup.procs')])
    assert.equal(read(worker, 'memory.max'), '536870912')
    assert.equal(read(worker, 'memory.swap.max'), '0')
    assert.equal(read(worker, 'memory.oom.group'), '1')
    assert.equal(read(worker, 'cpu.max'), '5000 10000')
    assert.equal(read(worker, 'pids.max'), '100')
    assert.equal(read(trial, 'cgroup.procs'), '0\n')
    group.kill()
    assert.equal(read(worker, 'cgroup.kill'), '1')
  })

  test('nothing is written for what has no limit', (t) => {
    const { groups, worker, workerId, read } = unified(t)
    assert.ok(groups.create(workerId, { diskBytes: 1, openFiles: 1 }))
    for (const file of ['memory.max', 'memory.oom.group', 'cpu.max', 'pids.max']) {
      assert.equal(read(worker, file), undefined)
    }
  })

  test('usage is read from its files', (t) => {
    const { groups, worker, workerId } = unified(t)
    const write = (file: string, text: string) => writeFileSync(join(worker, file), text)
    write('cgroup.procs', '11\n0\n12\n')
    write('cpu.stat', 'usage_usec 1234567\nuser_usec 1\nnr_throttled 3\n')
    write('memory.peak', '4096\n')
    write('memory.events', 'low 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 1\n')
    write('io.stat', '8:0 rbytes=5 wbytes=100 rios=1 wios=1\n8:16 rbytes=0 wbytes=11 rios=0\n')
    const group = groups.find(workerId)
    assert.deepEqual(group?.usage(), {
      cpuMs: 1235,
      peakMemoryBytes: 4096,
      writtenBytes: 111,
      processes: 2,
    })
    assert.equal(group.oomKills(), 2)
    assert.equal(group.throttled(), 3)
  })

  test('a group that others live in is left alone', (t) => {
    const { groups, base, leaf, read } = unified(t, { pids: [process.pid, process.ppid] })
    const [memory] = groups.enforcement()
    assert.equal(memory?.by, null)
    assert.match(memory.why, /^another process lives in the cgroup \/app\.scope, .* systemd-run/)
    assert.equal(existsSync(leaf), false)
    assert.equal(read(base, 'cgroup.subtree_control'), '\n')
    assert.equal(groups.create(newId(), {}), undefined)
  })

  test('the root of all groups is shared, and nobody is moved', (t) => {
    const { groups, base, leaf, read } = unified(t, { own: '/', pids: [process.pid, process.ppid] })
    rmSync(join(base, 'cgroup.type'))
    assert.equal(groups.enforcement()[0]?.by, 'cgroup v2')
    assert.equal(read(base, 'cgroup.subtree_control'), '+io')
    assert.equal(existsSync(leaf), false)
  })

  test('a gateway that is in a leaf already makes groups beside it', (t) => {
    const { groups, base, worker, workerId, leaf, read } = unified(t, {
      own: '/app.scope/berth.gateway',
      pids: [],
    })
    writeFileSync(join(base, 'cgroup.subtree_control'), 'cpu io memory pids\n')
    const group = groups.create(workerId, { pids: 9 })
    assert.deepEqual(group?.procsFiles, [join(worker, 'cgroup.procs')])
    assert.equal(read(leaf, 'cgroup.procs'), undefined)
  })

  test('a refusal of the kernel moves the gateway back, and is explained', (t) => {
    const { groups, base, read } = unified(t)
    // Writing to it fails.
    rmAndMakeFolder(join(base, 'cgroup.subtree_control'))
    writeFileSync(join(base, 'cgroup.procs'), `${process.pid}\n`)
    groups.enforcement()
    assert.equal(read(base, 'cgroup.procs'), String(process.pid))
  })

  test('what was not delegated is named, with what would help', (t) => {
    const { groups, worker, workerId, read } = unified(t, { offers: 'memory pids' })
    const [memory, cpus, pids] = groups.enforcement()
    assert.equal(memory?.by, 'cgroup v2')
    assert.equal(pids?.by, 'cgroup v2')
    assert.equal(cpus?.by, null)
    assert.match(cpus.why, /^the controller cpu is not delegated to the cgroup \/app\.scope: put/)
    assert.ok(groups.create(workerId, { memoryBytes: 4096, cpus: 1 }))
    assert.equal(read(worker, 'memory.max'), '4096')
    assert.equal(read(worker, 'cpu.max'), undefined)
  })
})

test('why there are no groups is told with what would help', () => {
  const why = (code: string, version: 1 | 2) =>
    whyNoGroup(Object.assign(new Error(`it said ${code}`), { code }), {
      version,
      controllers: [],
      mountPoint: '/sys/fs/cgroup',
      ownDir: '/sys/fs/cgroup/user.slice/session-3.scope',
      path: '/user.slice/session-3.scope',
    })
  assert.match(why('EACCES', 1), /^only root may make cgroups here .*start the gateway as root$/)
  assert.match(
    why('EACCES', 2),
    /^the cgroup \/user\.slice\/session-3\.scope is not delegated to you: start .* systemd-run --user --scope -p Delegate=yes/,
  )
  assert.match(why('EROFS', 2), /^\/sys\/fs\/cgroup is read-only, as in most containers: limit/)
  assert.equal(why('ENOSPC', 2), 'it said ENOSPC')

  const none = createLimitGroups({ installation: newId(), cgroup: '', mountinfo: '' })
  const [memory] = none.enforcement()
  assert.deepEqual(memory, {
    limit: 'memory',
    by: null,
    why: 'no cgroup file system is mounted here',
  })
  assert.equal(none.create(newId(), {}), undefined)
})

function rmAndMakeFolder(path: string): void {
  rmSync(path)
  mkdirSync(path)
}
