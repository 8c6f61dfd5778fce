import assert from 'node:assert/strict'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'

import { followOutput } from '../../src/sessions/output.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp.ts'

const read = async (file: string, lines = 100_000): Promise<string[]> => {
  const found: string[] = []
  await followOutput({ file, lines, onLine: (line) => found.push(line) })
  return found
}

function follow(t: TestContext, file: string, lines = 100) {
  const found: string[] = []
  const stop = new AbortController()
  const over = followOutput({ file, lines, until: stop.signal, onLine: (line) => found.push(line) })
  const finish = (): Promise<void> => {
    stop.abort()
    return over
  }
  atEnd(t, finish)
  return { found, finish }
}

test('a file is read to its end, and a last line may lack its end', async (t) => {
  const file = join(tempDir(t), 'output.log')
  assert.deepEqual(await read(file), [])
  writeFileSync(file, 'one\n\ntwo\nthr')
  assert.deepEqual(await read(file), ['one', '', 'two', 'thr'])
  assert.deepEqual(await read(file, 2), ['two', 'thr'])
  assert.deepEqual(await read(file, 0), [])
})

test('characters are whole, wherever the pieces end in which they are read', async (t) => {
  const file = join(tempDir(t), 'output.log')
  const line = `a${'€ü😀'.repeat(40_000)}`
  writeFileSync(file, `${line}\n${line}\n`)
  const found = await read(file)
  assert.equal(found.length, 2)
  for (const one of found) assert.ok(one === line)
})

test('who follows gets the lines that are written later, and the last one at the end', async (t) => {
  const file = join(tempDir(t), 'output.log')
  const { found, finish } = follow(t, file)
  writeFileSync(file, 'one\ntw')
  await eventually(() => assert.deepEqual(found, ['one']))
  appendFileSync(file, 'o\nthree')
  await eventually(() => assert.deepEqual(found, ['one', 'two']))
  await finish()
  assert.deepEqual(found, ['one', 'two', 'three'])
})

test('a file that was rotated is gone on with in the new one, however long that is', async (t) => {
  const file = join(tempDir(t), 'output.log')
  writeFileSync(file, 'old\n')
  const { found } = follow(t, file)
  await eventually(() => assert.deepEqual(found, ['old']))
  renameSync(file, `${file}.1`)
  writeFileSync(file, `${'n'.repeat(1000)}\nnew\n`)
  await eventually(() => assert.deepEqual(found, ['old', 'n'.repeat(1000), 'new']))
})
