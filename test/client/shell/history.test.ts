import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createHistory } from '../../../src/client/shell/history.ts'
import { tempDir } from '../../support/temp.ts'

const never = (): boolean => false
const noWarning = (text: string): void => assert.fail(text)

test('what was typed is there the next time, newest first, in a file for its owner alone', (t) => {
  const file = join(tempDir(t), 'client', 'history')
  const first = createHistory(file, never, noWarning)
  for (const line of ['tools', 'call a', 'call a', '', 'status']) first.add(line)
  assert.deepEqual(first.lines, ['status', 'call a', 'tools'])
  assert.deepEqual(createHistory(file, never, noWarning).lines, ['status', 'call a', 'tools'])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(join(file, '..')).mode & 0o777, 0o700)
  chmodSync(file, 0o644)
  createHistory(file, never, noWarning)
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('secrets are in reach of the arrow keys, and not in the file', (t) => {
  const file = join(tempDir(t), 'history')
  const history = createHistory(file, (line) => line.includes('shade='), noWarning)
  const secret = [
    'call login password=hunter2',
    'call login {"user": "a", "api_key": "k"}',
    'call x access-token=abc',
    'call x header="Bearer abcdefghijkl"',
    'call x pin=1234',
    'call x shade=dark',
    ' call x note=mine',
  ]
  const open = ['call plan passengers=2 key_word=a', 'call llm max_tokens=100', 'read a://secrets']
  for (const line of [...secret, ...open]) history.add(line)
  assert.equal(history.lines.length, secret.length + open.length)
  assert.deepEqual(readFileSync(file, 'utf8').trimEnd().split('\n'), open)
})

test('the file does not grow for ever, and keeps what is newest', (t) => {
  const file = join(tempDir(t), 'history')
  const lines = Array.from({ length: 5000 }, (_, index) => `call tool n=${index}`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const history = createHistory(file, never, noWarning)
  assert.equal(history.lines.length, 1000)
  assert.equal(history.lines[0], 'call tool n=4999')
  assert.ok(statSync(file).size < 128 * 1024)
  assert.match(readFileSync(file, 'utf8'), /n=4999\n$/)
})

test('a file that cannot be used is said once, and typing goes on', (t) => {
  const file = join(tempDir(t), 'history')
  mkdirSync(file)
  const warnings: string[] = []
  const history = createHistory(file, never, (text) => warnings.push(text))
  history.add('tools')
  history.add('status')
  assert.deepEqual(history.lines, ['status', 'tools'])
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /not kept for the next time: .*history is not a file/)
})
