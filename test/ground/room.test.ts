import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync } from 'node:fs'
import test from 'node:test'

import { isShortOfFiles, openFiles, openFilesLimit } from '../../src/ground/room.ts'
import { atEnd } from '../support/at-end.ts'

const noProc = process.platform === 'linux' ? false : 'there is no /proc'

test('files that are open are counted, by kernels of each kind', { skip: noProc }, (t) => {
  const fds = Array.from({ length: 300 }, () => openSync('/dev/null', 'r'))
  atEnd(t, () => fds.forEach((fd) => closeSync(fd)))
  // One of those that are listed is the listing itself.
  const listed = readdirSync('/proc/self/fd').length - 1
  const old = { stat: (() => ({ size: 0 })) as never }
  for (const counted of [openFiles(0), openFiles(0, old)]) {
    assert.ok(Math.abs(counted - listed) <= 1, `${counted} of ${listed}`)
  }
  assert.equal(openFiles(1_000_000, old), 0, 'the table has room for no more than so many')
  assert.ok(listed > 300)
})

test('files run short shortly before the limit', { skip: noProc }, () => {
  const open = openFiles(0)
  assert.equal(isShortOfFiles(open + 100), false)
  assert.equal(isShortOfFiles(open + 10), true)
  assert.equal(isShortOfFiles(Infinity), false)
  assert.equal(isShortOfFiles(1_000_000), false)
})

test('the limit is read', () => {
  assert.equal(openFilesLimit('Max open files            1024                 4096    files'), 1024)
  assert.equal(openFilesLimit('Max open files            unlimited   unlimited   files'), Infinity)
  assert.equal(openFilesLimit(''), 4096)
})
