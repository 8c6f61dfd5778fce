import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'

import type { Mount } from '../../src/workers/driver.ts'
import type { Worker } from '../../src/workers/driver.ts'
import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp.ts'
import { skipWithoutSandbox, startRig } from './rig.ts'

/** Prints what stands in some files, and once more as often as it finds a new `go` in its folder. */
const script = `
n=0
while :; do
  for file in "$@"; do printf '%s=%s\\n' "$file" "$(cat "$file" 2>/dev/null)" >&2; done
  n=$((n + 1)); echo "said $n" >&2
  while [ ! -e "/go/$n" ]; do sleep 0.05; done
done`

interface Project {
  root: string
  /** A worker that prints these files, of a sandbox with these mounts. */
  start(mounts: Partial<Mount>[], files: string[], cwd?: string): Promise<Worker>
  /** What it has printed, at the n-th time. */
  said(worker: Worker, nth: number): Promise<string[]>
  again(nth: number): void
}

function project(t: TestContext): Project {
  const root = tempDir(t)
  const go = tempDir(t)
  for (const each of ['project/lib', 'data']) mkdirSync(join(root, each), { recursive: true })
  writeFileSync(join(root, 'project', 'berth.yaml'), 'SECRET')
  writeFileSync(join(root, 'project', 'lib', 'x.env'), 'SECRET')
  writeFileSync(join(root, 'project', 'shown'), 'shown')
  symlinkSync('project', join(root, 'link'))
  const rig = startRig(t, { isolation: 'sandbox' })
  const hidden = ['project/berth.yaml', 'project/lib/x.env'].map((name) => join(root, name))
  return {
    root,
    start: (mounts, files, cwd) =>
      rig.start(['/bin/sh', '-c', script, 'sh', ...files], {
        ...(cwd === undefined ? {} : { cwd }),
        sandbox: {
          hidden,
          mounts: [...mounts, { from: go, to: '/go' }].map(
            ({ from = '', to = from, write = false }) => ({
              ...{ from: join(from === go ? '' : root, from), to, write },
            }),
          ),
        },
      }),
    async said(worker, nth) {
      await eventually(async () => {
        assert.ok((await worker.lastLines()).includes(`said ${nth}`))
      })
      const lines = await worker.lastLines()
      return lines.slice(
        nth === 1 ? 0 : lines.indexOf(`said ${nth - 1}`) + 1,
        lines.indexOf(`said ${nth}`),
      )
    },
    again: (nth) => writeFileSync(join(go, String(nth)), ''),
  }
}

suite('what is hidden', { skip: skipWithoutSandbox }, () => {
  test('is hidden wherever a mount shows it, and through links', async (t) => {
    const { start, said } = project(t)
    const files = [
      '/a/berth.yaml',
      '/a/lib/x.env',
      '/b/project/berth.yaml',
      '/c/berth.yaml',
      '/d/x.env',
    ]
    const worker = await start(
      [
        { from: 'project', to: '/a' },
        { from: '.', to: '/b' },
        { from: 'link', to: '/c' },
        { from: 'project/lib', to: '/d' },
      ],
      [...files, '/a/shown', '/b/project/shown', '/b/link/berth.yaml'],
    )
    assert.deepEqual(await said(worker, 1), [
      ...files.map((file) => `${file}=`),
      ...['/a/shown=shown', '/b/project/shown=shown', '/b/link/berth.yaml='],
    ])
  })

  test('stays hidden when an editor puts a new file in its place', async (t) => {
    const { root, start, said, again } = project(t)
    const files = ['/a/berth.yaml', '/a/shown']
    const worker = await start([{ from: 'project', to: '/a' }], files)
    await said(worker, 1)
    for (const [name, text] of [
      ['berth.yaml', 'NEW SECRET'],
      ['shown', 'new'],
    ] as const) {
      writeFileSync(join(root, 'project', 'next'), text)
      renameSync(join(root, 'project', 'next'), join(root, 'project', name))
    }
    again(1)
    const [secret, shown = ''] = await said(worker, 2)
    assert.equal(secret, '/a/berth.yaml=')
    assert.match(shown, /^\/a\/shown=(new|shown)$/)
  })

  test('is hidden where another mount of this machine shows the same folder', async (t) => {
    const { root, start, said } = project(t)
    mkdirSync(join(root, 'data', 'again'))
    try {
      execFileSync('mount', ['--bind', join(root, 'project'), join(root, 'data', 'again')], {
        stdio: 'ignore',
      })
    } catch {
      t.skip('mounting takes root')
      return
    }
    try {
      const files = ['/a/again/berth.yaml', '/a/again/lib/x.env', '/a/again/shown']
      const worker = await start([{ from: 'data', to: '/a' }], files)
      assert.deepEqual(await said(worker, 1), [
        ...['/a/again/berth.yaml=', '/a/again/lib/x.env=', '/a/again/shown=shown'],
      ])
    } finally {
      execFileSync('umount', [join(root, 'data', 'again')])
    }
  })

  test('is not shown by the working folder, however that is named', async (t) => {
    const { root, start, said } = project(t)
    const cwd = join(root, 'link')
    const files = [join(cwd, 'berth.yaml'), join(cwd, 'shown')]
    const worker = await start([], files, cwd)
    assert.deepEqual(await said(worker, 1), [`${files[0]}=`, `${files[1]}=shown`])
  })

  test('a folder that has become a link is looked at again by the next session', async (t) => {
    const { root, start } = project(t)
    symlinkSync('/proc', join(root, 'data', 'swapped'))
    await assert.rejects(start([{ from: 'data/swapped', to: '/a' }], []), (error: Error) => {
      assert.match(error.message, /swapped may not be mounted: \/proc is the kernel's/)
      return true
    })
  })
})
