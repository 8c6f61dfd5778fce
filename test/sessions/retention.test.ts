import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { createSessionDirectories } from '../../src/sessions/directories.ts'
import { evict } from '../../src/sessions/folders/eviction.ts'
import { createTrash } from '../../src/sessions/folders/trash.ts'
import { fakeClock } from '../support/fake-clock.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

const MiB = 1024 ** 2
const hourMs = 3_600_000

function rig(
  t: Owner,
  { maxTotalBytes = 10 * MiB, maxAgeMs = 24 * hourMs, freeBytes = 10 ** 12 } = {},
) {
  const roomOf = () => Promise.resolve({ free: freeBytes, size: 100 * 10 ** 9 })
  const root = tempDir(t)
  const base = join(root, 'sessions')
  const folder = join(root, 'trash')
  mkdirSync(folder)
  const trash = createTrash({ folder, clock: fakeClock(0), events: createEvents() })
  const directories = createSessionDirectories(base, { maxAgeMs, maxTotalBytes }, trash, roomOf)
  /** The folder of a session that has ended so long ago. */
  const session = (
    handle: string,
    { agoMs = hourMs, logBytes = 1000, fill }: Partial<Left> = {},
  ): void => {
    const { root: own, workspace, outputFile } = directories.make(handle)
    writeFileSync(outputFile, Buffer.alloc(logBytes, 'x'))
    fill?.(workspace)
    const at = new Date(Date.now() - agoMs)
    utimesSync(own, at, at)
  }
  const sweep = async (open: string[] = []): Promise<void> => {
    await directories.sweep(new Set(open), Date.now())
    // No test can remove what it has made.
    await trash.idle()
  }
  const left = (): string[] =>
    readdirSync(base)
      .flatMap((handle) => readdirSync(join(base, handle)).map((name) => `${handle}/${name}`))
      .sort()
  return { base, directories, session, sweep, left, trash, folder }
}

interface Left {
  agoMs: number
  logBytes: number
  fill(workspace: string): void
}

const write =
  (name: string, bytes: number) =>
  (workspace: string): void =>
    writeFileSync(join(workspace, name), Buffer.alloc(bytes, 'x'))

test('a sparse file counts as what it takes of the disk', async (t) => {
  const { session, sweep, left } = rig(t)
  session('old', { agoMs: 2 * hourMs, fill: write('work', 5000) })
  session('sparse', {
    fill: (workspace) => execFileSync('truncate', ['-s', '2T', join(workspace, 'huge')]),
  })
  await sweep()
  assert.deepEqual(left(), [
    ...['old/output.log', 'old/workspace'],
    ...['sparse/output.log', 'sparse/workspace'],
  ])
})

test('what one session leaves pushes out nothing of another', async (t) => {
  const { session, sweep, left } = rig(t)
  session('old', { agoMs: 3 * hourMs, fill: write('work', 5000) })
  session('full', { agoMs: hourMs, fill: write('much', 20 * MiB) })
  session('new', { agoMs: 1000, fill: write('work', 5000) })
  await sweep()
  assert.deepEqual(left(), [
    'full/output.log',
    ...['new/output.log', 'new/tmp', 'new/workspace'],
    ...['old/output.log', 'old/workspace'],
  ])
})

test('of equals the oldest go first, and every workspace before the first log', () => {
  const kept = (handle: string, agoMs: number, workspaceBytes: number, restBytes = MiB) => ({
    ...{ handle, changedAtMs: -agoMs, workspaceBytes, restBytes },
  })
  const folders = [
    ...[kept('a', 1, 5 * MiB), kept('b', 3, 5 * MiB), kept('c', 2, 7 * MiB)],
    ...[kept('small', 9, 1000), kept('huge', 0, 100 * MiB)],
  ]
  const total = 122 * MiB + 1000
  assert.deepEqual(evict(folders, total), { workspaces: [], whole: [] })
  assert.deepEqual(evict(folders, total - 1), { workspaces: ['huge'], whole: [] })
  assert.deepEqual(evict(folders, 20 * MiB), { workspaces: ['huge', 'b'], whole: [] })
  assert.deepEqual(evict(folders, 3 * MiB), {
    workspaces: ['huge', 'b', 'c', 'a', 'small'],
    whole: ['small', 'b'],
  })
  // What cannot be measured may be anything.
  assert.deepEqual(evict([kept('deep', 1, Infinity)], total), { workspaces: ['deep'], whole: [] })
})

test('what is too deep or too closed to be measured is not kept, and harms nobody', async (t) => {
  const { session, sweep, left } = rig(t)
  session('old', { agoMs: 2 * hourMs, fill: write('work', 5000) })
  session('deep', {
    fill: (workspace) =>
      execFileSync(
        'sh',
        [
          '-ec',
          'n=$(printf %0200d 0); for i in $(seq 60); do mkdir $n; cd -P $n 2>/dev/null || cd $n; done; echo x > f',
        ],
        { cwd: workspace },
      ),
  })
  session('closed', {
    fill(workspace) {
      write('file', 1000)(workspace)
      chmodSync(workspace, 0)
    },
  })
  await sweep()
  assert.deepEqual(left(), [
    ...['closed/output.log', 'closed/workspace'],
    'deep/output.log',
    ...['old/output.log', 'old/workspace'],
  ])
})

test('age is counted from the end of a session, whatever has been removed since', async (t) => {
  const { session, sweep, left, directories } = rig(t)
  session('full', { agoMs: 20 * hourMs, fill: write('much', 20 * MiB) })
  session('open', { agoMs: 48 * hourMs })
  await sweep(['open'])
  assert.deepEqual(left(), ['full/output.log', 'open/output.log', 'open/tmp', 'open/workspace'])
  await directories.sweep(new Set(['open']), Date.now() + 5 * hourMs)
  assert.deepEqual(left(), ['open/output.log', 'open/tmp', 'open/workspace'])
})

test('a session ends with its work and its log, however much else stands beside them', async (t) => {
  const { base, directories, left, trash, folder } = rig(t)
  const { root, workspace, outputFile } = directories.make('s')
  write('work', 10)(workspace)
  writeFileSync(outputFile, 'said')
  execFileSync('sh', ['-c', 'seq 2000 | xargs touch; mkdir -p a/b'], { cwd: root })
  await directories.finish('s')
  assert.deepEqual(left(), ['s/output.log', 's/workspace'])
  directories.make('nothing')
  await directories.finish('nothing')
  assert.equal(existsSync(join(base, 'nothing')), false)
  await directories.finish('never was')
  await trash.idle()
  assert.deepEqual(readdirSync(folder), [])
})

test('many files of one session keep neither timers nor other sessions waiting', async (t) => {
  const { session, sweep, directories, left } = rig(t)
  session('many', {
    fill: (workspace) => execFileSync('sh', ['-c', 'seq 5000 | xargs touch'], { cwd: workspace }),
  })
  let turns = 0
  const counting = setInterval(() => (turns += 1), 1)
  const sweeping = sweep()
  const { workspace } = directories.make('other')
  write('work', 10)(workspace)
  await directories.finish('other')
  assert.ok(left().includes('other/workspace') && !left().includes('other/tmp'))
  await sweeping
  clearInterval(counting)
  assert.ok(turns > 1, 'timers ran meanwhile')
})

test('a link among the folders of sessions is removed, and nothing behind it', async (t) => {
  const { base, session, sweep, left, trash } = rig(t)
  session('old', { agoMs: 2 * hourMs })
  const precious = tempDir(t)
  writeFileSync(join(precious, 'file'), 'kept')
  symlinkSync(precious, join(base, 'planted'))
  await sweep()
  await trash.idle()
  assert.deepEqual(readdirSync(base), ['old'])
  assert.ok(left().includes('old/output.log'))
  assert.deepEqual(readdirSync(precious), ['file'])
})

test('on a full disk the largest workspaces go, as many as it takes, and no log', async (t) => {
  const { session, sweep, left } = rig(t, { freeBytes: 60 * MiB, maxTotalBytes: 100 * MiB })
  const filled = (bytes: number) => (workspace: string) =>
    writeFileSync(join(workspace, 'x'), Buffer.alloc(bytes, 'x'))
  session('large', { fill: filled(5 * MiB) })
  session('small', { fill: filled(MiB / 2), agoMs: 2 * hourMs })
  await sweep()
  assert.deepEqual(left(), ['large/output.log', 'small/output.log', 'small/workspace'])
})
