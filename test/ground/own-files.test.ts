import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openOwnLog, readOwnFile } from '../../src/ground/own-files.ts'
import { tempDir } from '../support/temp.ts'

test('a file of its own is read, and anything in its place is not waited for', (t) => {
  const folder = tempDir(t)
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('file'), 'own')
  assert.equal(readOwnFile(at('file')), 'own')
  execFileSync('mkfifo', [at('pipe')])
  symlinkSync(at('file'), at('link'))
  mkdirSync(at('folder'))
  writeFileSync(at('sparse'), '')
  truncateSync(at('sparse'), 2 ** 41)
  for (const name of ['pipe', 'link', 'folder', 'sparse', 'missing']) {
    assert.throws(() => readOwnFile(at(name)), name)
  }
  assert.throws(() => readOwnFile('/dev/zero'), /no plain file/)
})

test('a log of its own is made and added to, and anything in its place is refused at once', (t) => {
  const folder = tempDir(t)
  const file = join(folder, 'log')
  for (const text of ['a', 'b']) {
    const fd = openOwnLog(file)
    writeSync(fd, text)
    closeSync(fd)
  }
  assert.equal(readFileSync(file, 'utf8'), 'ab')
  execFileSync('mkfifo', [join(folder, 'pipe')])
  symlinkSync(file, join(folder, 'link'))
  for (const name of ['pipe', 'link']) assert.throws(() => openOwnLog(join(folder, name)), name)
})
