import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import { guardScreen, onScreen } from '../../src/ground/screen.ts'

const drawings = [
  ...['\u001b[31mred\u001b[0m', '\u001b[38;5;12mx\u001b[39m', '\r\u001b[2K', '\u001b[3A\u001b[0J'],
  ...['\u001b[?25l', '\u001b[?25h', '\u001b[G', '\u001b[2;5H', 'a\tb\r\n', 'é 日本 👨‍👩‍👧 ─│'],
]

test('what Berth draws with reaches the screen as it is', () => {
  for (const text of drawings) assert.equal(onScreen(text), text)
})

test('what would make a terminal do anything else does not', () => {
  for (const [text, left] of [
    ['a\u001b]0;title\u0007b', 'ab'],
    ['a\u001b]52;c;cHdu\u001b\\b', 'ab'],
    ['a\u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\b', 'alinkb'],
    ['a\u001bP+q544e\u001b\\b', 'ab'],
    ['a\u001b_x\u001b\\b\u001b^y\u001b\\c\u001bXz\u001b\\d', 'abcd'],
    ['a\u001b[6nb\u001b[cd\u001b[5ie\u001b[20tf\u001b[?1049hg', 'abdefg'],
    ['a\u001bcb\u001b#8c\u001b(0d', 'abcd'],
    ['a\u009b2Jb\u009d0;x\u009cc\u0090d\u0085e', 'a2Jb0;xcde'],
    ['a\u0007\u0008\u007f\u0000\u000b\u000cb', 'ab'],
    ['a\u202e\u2066\u200f\u061c\u200b\u2028\u2060\ufeff\u{e0041}b', 'ab'],
    ['a\u001b', 'a'],
    ['a\u001b[', 'a'],
    ['a\u001b]0;no end', 'a0;no end'],
    ['a\u001b\u001b[2Kb', 'a\u001b[2Kb'],
  ] as const) {
    assert.equal(onScreen(text), left, JSON.stringify(text))
  }
})

test('it goes before terminals alone, whatever form the text comes in', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  const file = new PassThrough()
  for (const out of [terminal, file]) {
    guardScreen(out)
    out.write('a\u0007b')
    const bytes = Buffer.from('ü\u009bc')
    out.write(bytes.subarray(0, 1))
    out.write(bytes.subarray(1))
  }
  assert.equal(String(terminal.read()), 'abüc')
  assert.equal(String(file.read()), 'a\u0007bü\u009bc')
})

test('a long text of beginnings costs no more than its length', () => {
  for (const part of ['\u001b]', '\u001b]0;', '\u001b[', '\u001b[1;', '\u001bP', '\u001b ']) {
    assert.doesNotMatch(onScreen(part.repeat(200_000)), /\u001b/)
  }
})
