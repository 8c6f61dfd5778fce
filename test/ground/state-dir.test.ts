import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import { openStateDir } from '../../src/ground/state-dir.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

const isRoot = process.getuid?.() === 0

/** A state directory as a gateway leaves it, but for what is done to it. */
function after(t: Owner, change: (stateDir: string) => void): string {
  const stateDir = join(tempDir(t), 'state')
  for (const name of ['gateways', 'workers', 'sessions/s1', 'trash']) {
    mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 })
  }
  writeFileSync(join(stateDir, 'workers', '1.json'), '{}', { mode: 0o600 })
  change(stateDir)
  return stateDir
}

const planted: [string, (stateDir: string) => void, RegExp][] = [
  [
    'writable by all',
    (dir) => chmodSync(dir, 0o777),
    /others may write .*\(mode 777\).*Run|run: chmod go-w /,
  ],
  ['writable by a group', (dir) => chmodSync(dir, 0o770), /run: chmod go-w /],
  ['sticky', (dir) => chmodSync(dir, 0o1777), /others may write in .*mode 1777/],
  [
    'a folder in it',
    (dir) => chmodSync(join(dir, 'gateways'), 0o777),
    /others may write in .*gateways/,
  ],
  [
    'a pipe',
    (dir) => execFileSync('mkfifo', [join(dir, 'installation')]),
    /installation is a pipe or a device.* Run: rm .*installation$/,
  ],
  [
    'a pipe among markers',
    (dir) => execFileSync('mkfifo', [join(dir, 'workers', '2.json')]),
    /2\.json is a pipe or a device/,
  ],
  [
    'a link',
    (dir) => symlinkSync('/usr', join(dir, 'identity')),
    /identity is a link.* Run: rm .*identity$/,
  ],
  ['a dangling link', (dir) => symlinkSync('/nowhere', join(dir, 'keepers.log')), /Run: rm /],
  [
    'a link below',
    (dir) => symlinkSync('/etc/passwd', join(dir, 'gateways', '7.json')),
    /Run: rm .*7\.json$/,
  ],
]

for (const [name, change, reason] of planted) {
  test(`a state directory is refused, with the line to run: ${name}`, (t) => {
    const stateDir = after(t, change)
    assert.throws(
      () => openStateDir(stateDir),
      (error: Error) => {
        assert.match(error.message, reason)
        return true
      },
    )
  })
}

test('so is one of another user, or one with something of theirs', { skip: !isRoot }, (t) => {
  for (const name of ['.', 'workers', 'workers/1.json']) {
    const stateDir = after(t, (dir) => chownSync(join(dir, name), 12_345, 12_345))
    assert.throws(
      () => openStateDir(stateDir),
      /belongs to another user \(uid 12345\).*chown -R 0 /,
      name,
    )
  }
})

test('one that others could replace is warned of', (t) => {
  const stateDir = after(t, (dir) => chmodSync(dirname(dir), 0o777))
  assert.match(openStateDir(stateDir).join('\n'), /is not safe: others may write in /)
})

test('what workers have left is nobody’s business here, and all else is as it was', (t) => {
  const stateDir = after(t, (dir) => symlinkSync('/usr', join(dir, 'sessions', 'x')))
  assert.deepEqual(openStateDir(stateDir), [])
})

test('a new one is for this user alone, whatever the umask', (t) => {
  for (const umask of [0, 0o022, 0o277]) {
    const stateDir = join(tempDir(t), 'state')
    const before = process.umask(umask)
    try {
      assert.deepEqual(openStateDir(stateDir), [])
    } finally {
      process.umask(before)
    }
    assert.equal(lstatSync(stateDir).mode & 0o777, 0o700)
  }
})
