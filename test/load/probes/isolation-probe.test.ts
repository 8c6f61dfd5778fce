import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

import { attemptTable } from '../../../src/load/probes/attempt-table.ts'
import { breakOutNames, breakOuts, tryBreakOut } from '../../../src/load/probes/break-outs.ts'
import type { Target, Tried } from '../../../src/load/probes/break-outs.ts'
import {
  eachOf,
  gotThrough,
  notTried,
  stopped,
} from '../../../src/load/probes/break-outs/attempt.ts'
import { listsAbove } from '../../../src/load/probes/break-outs/kernel.ts'
import type { Planted } from '../../../src/load/probes/canary.ts'
import { eventually } from '../../support/eventually.ts'
import { connectClient, connectTransport } from '../../support/mcp-client.ts'
import { alive } from '../../support/processes.ts'
import { demoFile, startHttp, temporaryFolder } from '../../demo/support.ts'

interface Probe {
  workspace: string
  temporary: string
  attempt: (name: string, target?: Target) => Promise<Tried>
  plant: () => Promise<Planted>
  close: () => Promise<void>
}

/** A probe with folders of its own, as a session has them, and without any isolation. */
async function startProbe(t: TestContext): Promise<Probe> {
  const folder = await temporaryFolder(t)
  const workspace = join(folder, 'workspace')
  const temporary = join(folder, 'tmp')
  for (const one of [workspace, temporary]) await mkdir(one, { mode: 0o700 })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [demoFile('isolation-probe')],
    env: {
      ...(process.env as Record<string, string>),
      BERTH_WORKSPACE: workspace,
      TMPDIR: temporary,
      HOME: workspace,
    },
  })
  const { client, call } = await connectTransport(t, transport)
  return {
    workspace,
    temporary,
    attempt: async (name, target) => {
      const args = target === undefined ? { name } : { name, target }
      const { structuredContent } = await call('attempt', args)
      const { name: answered, ...tried } = structuredContent as unknown as Tried & { name: string }
      assert.equal(answered, name)
      return tried
    },
    plant: async () => (await call('plant')).structuredContent as unknown as Planted,
    close: () => client.close(),
  }
}

/** Yama keeps processes of an ordinary user from looking into those that they did not start. */
function mayTrace(): boolean {
  const file = '/proc/sys/kernel/yama/ptrace_scope'
  if (process.getuid?.() === 0 || !existsSync(file)) return true
  return readFileSync(file, 'utf8').trim() === '0'
}

const linuxOnly = { skip: process.platform !== 'linux' && 'needs Linux' }

test('without a wall one session gets at the files and sockets of another', async (t) => {
  const [victim, probe] = await Promise.all([startProbe(t), startProbe(t)])
  const planted = await victim.plant()
  const canary = readFileSync(planted.workspaceFile, 'utf8').trim()
  const targets: Record<string, Target> = {
    'read-session': [planted.workspace, planted.temporaryFile],
    'write-session': [planted.workspace, planted.workspaceFile],
    'read-state': planted.temporaryFile,
    'connect-socket': planted.socket ?? '',
    'connect-port': [planted.port],
    'signal-process': planted.pid,
  }
  for (const [name, target] of Object.entries(targets)) {
    const { outcome, how } = await probe.attempt(name, target)
    assert.equal(outcome, 'got-through', `${name}: ${how}`)
    assert.ok(!how.includes(canary), name)
  }
  assert.equal(readFileSync(planted.workspaceFile, 'utf8'), `${canary}\n`)
  assert.deepEqual(readdirSync(planted.workspace).length, 1)
})

test('without a wall it gets at the processes of another', linuxOnly, async (t) => {
  const [victim, probe] = await Promise.all([startProbe(t), startProbe(t)])
  const planted = await victim.plant()
  const process = `${planted.pid}:${planted.start ?? ''}`
  const looked = await probe.attempt('look-at-processes', [process, planted.childPid])
  assert.equal(looked.outcome, 'got-through', looked.how)
  const abstract = await probe.attempt('connect-abstract', planted.abstractSocket ?? '')
  assert.equal(abstract.outcome, 'got-through', abstract.how)
  const expected = mayTrace() ? ['got-through', 'not-tried'] : ['stopped', 'not-tried']
  for (const name of ['read-memory', 'trace-process']) {
    const { outcome, how } = await probe.attempt(name, process)
    assert.ok(expected.includes(outcome), `${name}: ${outcome} (${how})`)
  }
  assert.equal((await victim.plant()).port, planted.port, 'the other one lives on')
})

test('without a wall it gets at what processes hold and know', linuxOnly, async (t) => {
  const [victim, probe] = await Promise.all([startProbe(t), startProbe(t)])
  const planted = await victim.plant()
  const canary = readFileSync(planted.workspaceFile, 'utf8').trim()
  const found = await probe.attempt('find-nonce', canary)
  assert.deepEqual(found, gotThrough(`it is in /proc/${planted.childPid}/environ`))
  assert.equal((await probe.attempt('find-nonce', `${canary}x`)).outcome, 'stopped')

  const keeper = await probe.attempt('read-keeper', planted.start ?? '')
  assert.equal(keeper.outcome, mayTrace() ? 'got-through' : 'stopped', keeper.how)
  assert.equal((await probe.attempt('read-keeper', 1)).outcome, 'stopped')

  const shared = join(victim.workspace, 'shared.txt')
  assert.equal((await probe.attempt('write-shared', shared)).outcome, 'got-through')
  assert.ok(existsSync(shared))
  await probe.close()
  assert.ok(!existsSync(shared))
})

test('a file that has no name any more is reached through who holds it', linuxOnly, async (t) => {
  const probe = await startProbe(t)
  const file = join(probe.workspace, 'deleted')
  const held = openSync(file, 'w')
  t.after(() => closeSync(held))
  rmSync(file)
  const { outcome, how } = await probe.attempt('use-open-files')
  // There may be others, and only some of them are named.
  assert.equal(outcome, 'got-through', how)
})

test('a pid that is somebody else here is not taken for the target', linuxOnly, async (t) => {
  const [victim, probe] = await Promise.all([startProbe(t), startProbe(t)])
  const { pid } = await victim.plant()
  const own = await probe.plant()
  assert.deepEqual(
    await probe.attempt('signal-process', `${pid}:1`),
    stopped(`process ${pid} of outside is not in /proc`),
  )
  assert.deepEqual(
    await probe.attempt('signal-process', [own.pid, own.childPid]),
    stopped(
      [own.pid, own.childPid].map((one) => `process ${one} is one of its own here`).join('; '),
    ),
  )
  assert.equal((await probe.attempt('signal-process', [-1, 0, 'x'])).outcome, 'not-tried')
})

test('what is not there, not readable or empty counts as stopped, and says so', async (t) => {
  const probe = await startProbe(t)
  const missing = join(probe.workspace, 'missing')
  const { outcome, how } = await probe.attempt('read-session', [missing, probe.temporary])
  assert.equal(outcome, 'stopped')
  assert.equal(how, `ENOENT looking at ${missing}; ${probe.temporary} is empty here`)
  assert.equal((await probe.attempt('write-session', missing)).outcome, 'stopped')
  assert.equal((await probe.attempt('connect-socket', missing)).outcome, 'stopped')
  assert.equal((await probe.attempt('read-home')).outcome, 'stopped')
  await mkdir(join(probe.workspace, '.ssh', 'key'), { recursive: true })
  const home = await probe.attempt('read-home')
  assert.deepEqual(home, gotThrough(`${join(probe.workspace, '.ssh')}: 1 names`))
})

test(
  'every attempt at the kernel has an answer and leaves nothing behind',
  linuxOnly,
  async (t) => {
    const probe = await startProbe(t)
    for (const name of [
      'mount-tmpfs',
      'unshare-user',
      'load-module',
      'raise-limits',
      'make-device',
      'call-chroot',
      'use-setuid',
      'write-settings',
      'write-system',
    ]) {
      const { outcome, how } = await probe.attempt(name)
      assert.notEqual(how, '', `${name}: ${outcome}`)
      assert.doesNotMatch(how, /It failed|needs a target/, name)
    }
    assert.deepEqual(readdirSync(probe.temporary), [])
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(probe.temporary))
  },
)

test('bombs and fills stop at their target and clear away', async (t) => {
  const probe = await startProbe(t)
  assert.deepEqual(await probe.attempt('fork-bomb', 5), gotThrough('started 5 processes'))
  const disk = await probe.attempt('fill-disk', 1024 * 1024)
  assert.deepEqual(disk, gotThrough(`wrote 1.0 MiB into ${probe.temporary}`))
  const memory = await probe.attempt('fill-memory', 2 * 1024 * 1024)
  assert.deepEqual(memory, gotThrough('took 2.0 MiB'))
  assert.match((await probe.attempt('burn-cpu', 50)).how, /of \d+ cores for 50 ms$/)
  assert.deepEqual(readdirSync(probe.temporary), [])
})

test('what was planted goes with the process', async (t) => {
  const probe = await startProbe(t)
  const { childPid, socket, workspaceFile } = await probe.plant()
  assert.ok(existsSync(workspaceFile) && socket !== null && existsSync(socket))
  await probe.close()
  assert.deepEqual([readdirSync(probe.workspace), readdirSync(probe.temporary)], [[], []])
  await eventually(() => assert.ok(!alive(childPid)))
})

test('the tool attempts lists what the table has, over HTTP, too', async (t) => {
  const { url } = await startHttp(t, 'isolation-probe')
  const { call } = await connectClient(t, url)
  const { structuredContent } = await call('attempts')
  assert.deepEqual(structuredContent, {
    attempts: breakOutNames.map((name) => {
      const { about, target } = breakOuts[name]
      return { name, about, target }
    }),
  })
  assert.equal((await call('attempt', { name: 'no-such-one' })).isError, true)
})

test('an attempt without the target that it needs is not tried', async () => {
  const needy = breakOutNames.filter((name) =>
    /^(?!.*default:)./.test(breakOuts[name].target ?? ''),
  )
  assert.ok(needy.length > 5)
  for (const name of needy) {
    const { outcome, how } = await tryBreakOut(name, undefined)
    assert.equal(outcome, 'not-tried', name)
    assert.match(how, /^It needs a target/)
  }
})

test('of several targets the one that gets through counts', async () => {
  const all = [stopped('a'), gotThrough('b'), notTried('c'), gotThrough('d')]
  const of = (some: Tried[]): Promise<Tried> => eachOf(some, (one) => Promise.resolve(one))
  assert.deepEqual(await of(all), gotThrough('b; d'))
  assert.deepEqual(await of([notTried('c'), stopped('a')]), stopped('a'))
  assert.deepEqual(await of([notTried('c')]), notTried('c'))
  assert.equal((await of([])).outcome, 'not-tried')
})

test('the cgroups above are found in both versions', () => {
  const mountinfo = [
    '33 25 0:28 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory',
    '34 25 0:29 / /sys/fs/cgroup/cpu rw,nosuid - cgroup cgroup rw,cpu,cpuacct',
    '35 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '36 25 0:31 / / rw - ext4 /dev/vda rw',
  ].join('\n')
  assert.deepEqual(listsAbove('4:memory:/a/b\n3:cpu,cpuacct:/\n0::/c\n', mountinfo), [
    '/sys/fs/cgroup/memory/cgroup.procs',
    '/sys/fs/cgroup/memory/a/cgroup.procs',
    '/sys/fs/cgroup/unified/cgroup.procs',
  ])
  assert.deepEqual(listsAbove('4:memory:/a/b\n', ''), [])
})

test('the table has a row for each attempt and a column for each driver', () => {
  const table = attemptTable(
    {
      'read-session': { process: 'got-through', sandbox: 'stopped' },
      'fork-bomb': { sandbox: 'stopped', container: 'not-tried' },
    },
    { 'read-session': breakOuts['read-session'].about },
  )
  assert.equal(
    table,
    [
      '| Attempt | `process` | `sandbox` | `container` |',
      '| --- | --- | --- | --- |',
      "| Read another session's folder | **gets through** | stopped | not tried |",
      '| `fork-bomb` | not tried | stopped | not tried |',
    ].join('\n'),
  )
})
