import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'

import { createMemoryReader } from '../../../src/workers/limits/free-memory.ts'
import { tempDir } from '../../support/temp.ts'

const machine = 'MemTotal:        1000 kB\nMemFree:           10 kB\nMemAvailable:     400 kB\n'

/** What the reader finds where the kernel tells this. */
function read(t: TestContext, files: Record<string, string>, path = '/pod/own') {
  const root = tempDir(t)
  const all = {
    'proc/self/cgroup': `0::${path}\n`,
    'proc/self/mountinfo': `30 23 0:26 / ${root}/cgroup rw - cgroup2 cgroup2 rw\n`,
    'cgroup/pod/own/cgroup.procs': '',
    ...files,
  }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return createMemoryReader(join(root, 'proc'))()
}

test('without a limit it is what the machine has available', (t) => {
  const files = { 'proc/meminfo': machine, 'cgroup/pod/own/memory.max': 'max\n' }
  assert.deepEqual(read(t, files), { freeBytes: 400 * 1024, totalBytes: 1000 * 1024 })
})

test('the control group with the least left counts, and files that the kernel keeps are free', (t) => {
  const files = {
    'proc/meminfo': machine,
    'cgroup/pod/own/memory.max': '1000\n',
    'cgroup/pod/own/memory.current': '100\n',
    'cgroup/pod/memory.max': '5000\n',
    'cgroup/pod/memory.current': '4990\n',
    'cgroup/pod/memory.stat': 'anon 4900\ninactive_file 40\nactive_file 20\n',
  }
  assert.deepEqual(read(t, files), { freeBytes: 50, totalBytes: 5000 })
})

test('a group that has more than it may have has nothing left', (t) => {
  const files = {
    'proc/meminfo': machine,
    'cgroup/pod/own/memory.max': '1000\n',
    'cgroup/pod/own/memory.current': '1200\n',
  }
  assert.deepEqual(read(t, files), { freeBytes: 0, totalBytes: 1000 })
})

for (const [what, meminfo] of [
  ['nothing', ''],
  ['nonsense', 'MemTotal: many kB\nMemAvailable: 400 kB\n'],
  ['no memory at all', 'MemTotal: 0 kB\nMemAvailable: 0 kB\n'],
] as const) {
  test(`where the system tells ${what}, nothing is known`, (t) => {
    assert.equal(read(t, { 'proc/meminfo': meminfo }), undefined)
  })
}
