import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import fs from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import type { Disk } from '../../src/sessions/folders/entries.ts'
import { createTrash } from '../../src/sessions/folders/trash.ts'
import { fakeClock } from '../support/fake-clock.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

/** A trash, a folder to be thrown away, and what was said. */
function rig(t: Owner, disk?: Partial<Disk>) {
  const root = tempDir(t)
  const folder = join(root, 'trash')
  const unwanted = join(root, 'sessions', 's1')
  for (const each of [folder, unwanted]) mkdirSync(each, { recursive: true })
  const events = createEvents()
  const warnings: string[] = []
  const counts: number[] = []
  events.on('operator.warned', ({ message }) => warnings.push(message))
  events.on('folders.left', ({ count }) => counts.push(count))
  const clock = fakeClock(0)
  const all = disk === undefined ? {} : { disk: { ...fs, ...disk } }
  const trash = createTrash({ folder, clock, events, ...all })
  return { root, folder, unwanted, trash, clock, warnings, counts }
}

function fails(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(`${code}: said the disk`), { code }))
}

/** What is meant for a shell, because no path is that long. */
function shell(cwd: string, script: string): void {
  execFileSync('sh', ['-ec', script], { cwd })
}

test('a tree deeper than a path can be long is removed', async (t) => {
  const { unwanted, folder, trash, warnings } = rig(t)
  shell(
    unwanted,
    'n=$(printf %0200d 0); for i in $(seq 60); do mkdir $n; cd -P $n 2>/dev/null || cd $n; done; echo x > f',
  )
  assert.equal(await trash.take(unwanted), true)
  assert.equal(existsSync(unwanted), false, 'it is out of the way at once')
  await trash.idle()
  assert.deepEqual([readdirSync(folder), warnings], [[], []])
})

test('so are folders without a mode, names that are no text, links, pipes and sockets', async (t) => {
  const { root, unwanted, folder, trash } = rig(t)
  const outside = join(root, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'kept'), 'kept')
  mkdirSync(join(unwanted, 'a', 'b'), { recursive: true })
  writeFileSync(join(unwanted, 'a', 'b', 'c'), '')
  symlinkSync(outside, join(unwanted, 'a', 'link'))
  writeFileSync(Buffer.concat([Buffer.from(`${unwanted}/`), Buffer.from([0xff, 0xfe])]), '')
  shell(unwanted, 'mkfifo pipe')
  for (const each of ['a/b', 'a', '.']) chmodSync(join(unwanted, each), 0)
  await trash.take(unwanted)
  await trash.idle()
  assert.deepEqual(readdirSync(folder), [])
  assert.equal(readFileSync(join(outside, 'kept'), 'utf8'), 'kept')
})

test('thousands of files are removed a few at a time, and others come to their turn', async (t) => {
  let atOnce = 0
  let most = 0
  let turns = 0
  const { unwanted, folder, trash } = rig(t, {
    async unlink(path) {
      most = Math.max(most, (atOnce += 1))
      await fs.unlink(path)
      atOnce -= 1
    },
  })
  shell(unwanted, 'mkdir many; cd many; seq 5000 | xargs touch')
  await trash.take(unwanted)
  const counting = setInterval(() => (turns += 1), 1)
  await trash.idle()
  clearInterval(counting)
  assert.ok(most <= 16, `${most} at once`)
  assert.ok(turns > 0, 'timers ran meanwhile')
  assert.deepEqual(readdirSync(folder), [])
})

test('what cannot be removed is told once, counted, and tried again less and less often', async (t) => {
  let isBroken = true
  let tries = 0
  const { unwanted, folder, trash, clock, warnings, counts } = rig(t, {
    unlink(path) {
      if (!isBroken || !String(path).endsWith('/stuck')) return fs.unlink(path)
      tries += 1
      return fails('EPERM')()
    },
  })
  for (const name of ['stuck', 'other']) writeFileSync(join(unwanted, name), 'x')
  await trash.take(unwanted)
  await trash.idle()
  const [rest = ''] = readdirSync(folder)
  assert.deepEqual(readdirSync(join(folder, rest)), ['stuck'], 'the others are gone')
  assert.match(warnings.join('\n'), /^What ended sessions have left cannot be removed \(EPERM\)/)

  const triesAfter = async (ms: number): Promise<number> => {
    tries = 0
    clock.advance(ms)
    await trash.idle()
    return tries
  }
  assert.equal(await triesAfter(60_000), 1)
  assert.equal(await triesAfter(60_000), 0, 'the next wait is longer')
  assert.equal(await triesAfter(60_000), 1)
  assert.deepEqual([warnings.length, counts], [1, [1]])
  isBroken = false
  await triesAfter(24 * 3_600_000)
  assert.deepEqual([readdirSync(folder), counts], [[], [1, 0]])
})

for (const code of ['EROFS', 'ENOSPC', 'EACCES', 'EBUSY', 'EIO', 'EMFILE']) {
  test(`a disk that says ${code} to everything is told of, and nobody is thrown at`, async (t) => {
    const no = fails(code)
    const { unwanted, trash, warnings } = rig(t, {
      ...{ chmod: no, mkdir: no, opendir: no, rename: no, rmdir: no, unlink: no },
    })
    assert.equal(await trash.take(unwanted), false)
    await trash.idle()
    assert.ok(existsSync(unwanted))
    assert.equal(await trash.take(unwanted), false)
    await trash.close()
    assert.equal(
      warnings.filter((text) => text.includes(`(${code})`)).length,
      2,
      warnings.join('\n'),
    )
  })
}

test('whichever call of a disk fails, the rest is removed at the next try', async (t) => {
  for (let nth = 1; nth <= 12; nth++) {
    let calls = 0
    const flaky = Object.fromEntries(
      (['chmod', 'lstat', 'opendir', 'rename', 'rmdir', 'unlink'] as const).map((name) => [
        name,
        (...args: never[]) =>
          (calls += 1) === nth
            ? fails('EIO')()
            : (fs[name] as (...all: never[]) => Promise<unknown>)(...args),
      ]),
    ) as Partial<Disk>
    const { unwanted, folder, trash, clock } = rig(t, flaky)
    mkdirSync(join(unwanted, 'a', 'b'), { recursive: true })
    writeFileSync(join(unwanted, 'a', 'b', 'c'), 'x')
    if (!(await trash.take(unwanted))) await trash.take(unwanted)
    await trash.idle()
    clock.advance(60_000)
    await trash.idle()
    assert.deepEqual([readdirSync(folder), existsSync(unwanted)], [[], false], `call ${nth}`)
  }
})

test('what an earlier gateway has left in it is removed', async (t) => {
  const { folder, trash } = rig(t)
  await trash.close()
  mkdirSync(join(folder, 'old', 'deep'), { recursive: true })
  const next = createTrash({ folder, clock: fakeClock(0), events: createEvents() })
  await next.idle()
  assert.deepEqual(readdirSync(folder), [])
})

test('nothing is entered that something is mounted on', async (t) => {
  const { root, unwanted, folder, trash, warnings } = rig(t)
  mkdirSync(join(root, 'precious'))
  writeFileSync(join(root, 'precious', 'file'), 'kept')
  mkdirSync(join(unwanted, 'a', 'mounted'), { recursive: true })
  try {
    execFileSync('mount', ['--bind', join(root, 'precious'), join(unwanted, 'a', 'mounted')], {
      stdio: 'ignore',
    })
  } catch {
    t.skip('mounting takes root')
    return
  }
  try {
    await trash.take(unwanted)
    await trash.idle()
    assert.equal(readFileSync(join(root, 'precious', 'file'), 'utf8'), 'kept')
    assert.match(warnings.join('\n'), /cannot be removed \((EBUSY|EXDEV)\)/)
  } finally {
    const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(folder) || path.startsWith(unwanted))
    for (const path of mounted) execFileSync('umount', [path])
  }
})
