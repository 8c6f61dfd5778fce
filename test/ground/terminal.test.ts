import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import { outputLine, plain, plainLine, writeJson } from '../../src/ground/terminal.ts'

test('a line of output keeps its spaces, and tabs move on as on a terminal', () => {
  assert.equal(outputLine('    raise KeyError(key)  '), '    raise KeyError(key)')
  assert.equal(outputLine('\tat x'), '        at x')
  assert.equal(outputLine('a\tb\t\tc'), 'a       b               c')
  assert.equal(outputLine('~~~~~~~~^^^'), '~~~~~~~~^^^')
  assert.equal(outputLine(''), '')
})

test('of a line that is drawn again and again the last state is seen', () => {
  assert.equal(outputLine('10%\r 20%\r 30% done\r'), ' 30% done')
  assert.equal(outputLine('windows\r'), 'windows')
  assert.equal(outputLine('\u001b[1Gone\u001b[0K\u001b[Gtwo\u001b[0K'), 'two')
})

const bad = [
  ...['\u0000', '\u0007', '\u0008', '\u000b', '\u007f', '\u0080', '\u0084', '\u009f'],
  ...['\u061c', '\u200e', '\u200f', '\u202a', '\u202e', '\u2066', '\u2069'],
  ...['\u180e', '\u200b', '\u2060', '\u206f', '\ufeff', '\ufffb', '\u{e0001}', '\u{e007f}'],
]

test('nothing that could command a terminal or turn the writing comes through', () => {
  // A line or paragraph of Unicode's is a line, and on one line a space.
  assert.equal(plain('a\u2028b\u2029c'), 'a\nb\nc')
  for (const show of [outputLine, plainLine]) assert.equal(show('a\u2028b\u2029c'), 'a b c')
  const text = `a${bad.join('')}b\u001b[31mred\u001b[0m\u009b2J\u001b]0;title\u0007.`
  for (const show of [outputLine, plain, plainLine]) assert.equal(show(text), 'abred.')
})

test('JSON is the same to whoever reads it, and harmless to who sees it', () => {
  const out = new PassThrough()
  const all = [...bad, '\u2028', '\u2029'].join('')
  writeJson(out, { text: all })
  const written = String(out.read())
  for (const char of bad) assert.equal(written.includes(char), false, JSON.stringify(char))
  for (const char of '\u2028\u2029') assert.equal(written.includes(char), false)
  assert.deepEqual(JSON.parse(written), { text: all })
})
