import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { prepareRuntimeDir } from '../../src/workers/runtime-dir.ts'
import { hasCode } from '../suites/driver.ts'
import { atEnd } from '../support/at-end.ts'
import { tempDir } from '../support/temp.ts'
import { open, startRig } from './rig.ts'

test('sockets stand in the state directory, for its owner alone', (t) => {
  const stateDir = tempDir(t)
  const folder = prepareRuntimeDir(stateDir)
  assert.equal(folder, join(stateDir, 'run'))
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(prepareRuntimeDir(stateDir), folder)
})

test('a long state directory gets a short folder, and a worker is reached there', async (t) => {
  const stateDir = join(tempDir(t), 'a-long-name-'.repeat(15))
  mkdirSync(stateDir)
  const folder = prepareRuntimeDir(stateDir)
  atEnd(t, () => rmSync(folder, { recursive: true }))
  assert.ok(!folder.startsWith(stateDir))
  assert.notEqual(prepareRuntimeDir(`${stateDir}2`), folder)
  atEnd(t, () => rmSync(prepareRuntimeDir(`${stateDir}2`), { recursive: true }))
  assert.equal(statSync(folder).mode & 0o777, 0o700)

  const worker = await startRig(t, { stateDir }).start(['tells-who.js'])
  const { socketPath = '' } = worker.endpoint
  assert.ok(Buffer.byteLength(socketPath) < 104, socketPath)
  await open(worker)
})

test('every socket path that is chosen is under 104 bytes', (t) => {
  const base = tempDir(t)
  for (let length = 40; length < 120; length += 1) {
    const stateDir = join(base, 'x'.repeat(length - base.length - 1))
    mkdirSync(stateDir)
    const folder = prepareRuntimeDir(stateDir)
    if (!folder.startsWith(stateDir)) atEnd(t, () => rmSync(folder, { recursive: true }))
    assert.ok(Buffer.byteLength(join(folder, '0123456789ab.sock')) < 104)
  }
})

test('a folder that others may look into is refused', (t) => {
  const stateDir = tempDir(t)
  chmodSync(prepareRuntimeDir(stateDir), 0o755)
  assert.throws(() => prepareRuntimeDir(stateDir), hasCode('ERR_CONFIG_INVALID'))
})

test('a link to a folder is refused: anybody could have put it there', (t) => {
  const stateDir = tempDir(t)
  mkdirSync(join(stateDir, 'elsewhere'), { mode: 0o700 })
  symlinkSync(join(stateDir, 'elsewhere'), join(stateDir, 'run'))
  assert.throws(() => prepareRuntimeDir(stateDir), hasCode('ERR_CONFIG_INVALID'))
})

// Nobody else can give a folder away.
if (process.getuid?.() === 0) {
  test("somebody else's folder is refused", (t) => {
    const stateDir = tempDir(t)
    chownSync(prepareRuntimeDir(stateDir), 65_534, 65_534)
    assert.throws(() => prepareRuntimeDir(stateDir), hasCode('ERR_CONFIG_INVALID'))
  })
}
