import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { findHierarchies } from '../../../src/workers/limits/hierarchies.ts'
import { tempDir } from '../../support/temp.ts'

const found = (cgroup: string[], mountinfo: string[]) =>
  findHierarchies(cgroup.join('\n'), mountinfo.join('\n')).map(
    ({ version, controllers, ownDir }) => `v${version} ${controllers.join(',')} ${ownDir}`,
  )

test('a hybrid machine has a hierarchy for each mount, and an empty unified one', (t) => {
  const root = tempDir(t)
  mkdirSync(join(root, 'memory/own/group'), { recursive: true })
  mkdirSync(join(root, 'cpu,cpuacct'))
  assert.deepEqual(
    found(
      ['5:name=systemd:/', '4:memory:/own/group', '2:cpu,cpuacct:/', '3:rdma:/', '0::/'],
      [
        `31 23 0:28 / ${root} rw - tmpfs tmpfs rw,mode=755`,
        `32 31 0:29 / ${root}/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct`,
        `35 31 0:32 / ${root}/memory rw,relatime - cgroup cgroup rw,memory`,
        `41 31 0:38 / ${root}/unified rw,relatime - cgroup2 cgroup2 rw`,
        '',
      ],
    ),
    [
      `v1 memory ${root}/memory/own/group`,
      `v1 cpu,cpuacct ${root}/cpu,cpuacct`,
      `v2  ${root}/unified`,
    ],
  )
})

test('in a container the own group is looked for below what is mounted', (t) => {
  const root = tempDir(t)
  const inner = join(root, 'with space')
  mkdirSync(join(inner, 'inner'), { recursive: true })
  const mounted = (top: string) => [
    `35 31 0:32 ${top} ${inner.replace(' ', '\\040')} rw - cgroup cgroup rw,memory`,
  ]
  const dirFor = (path: string, top: string) => found([`4:memory:${path}`], mounted(top))
  assert.deepEqual(dirFor('/docker/abc', '/docker/abc'), [`v1 memory ${inner}`])
  assert.deepEqual(dirFor('/docker/abc/inner', '/docker/abc'), [`v1 memory ${inner}/inner`])
  // Not visible: another container's, a folder that is not there, above the namespace.
  assert.deepEqual(dirFor('/docker/abcd', '/docker/abc'), [`v1 memory ${inner}`])
  assert.deepEqual(dirFor('/docker/abc/gone', '/docker/abc'), [`v1 memory ${inner}`])
  assert.deepEqual(dirFor('/../..', '/'), [`v1 memory ${inner}`])
})
