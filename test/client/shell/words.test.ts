import assert from 'node:assert/strict'
import { test } from 'node:test'

import { quoted, readLine, wordsOf } from '../../../src/client/shell/words.ts'
import type { Input } from '../../../src/client/shell/words.ts'

const textsOf = (line: string): string[] => wordsOf(line).words.map(({ text }) => text)

test('a line is split at spaces, and quotes and backslashes hold words together', () => {
  const table: [string, string[]][] = [
    ['call  whoami ', ['call', 'whoami']],
    ['kind="Beach and sea" n=4', ['kind=Beach and sea', 'n=4']],
    [`'a "b"' "it's" ""`, ['a "b"', "it's", '']],
    [String.raw`a\ b "c\"d" 'e\f'`, ['a b', 'c"d', String.raw`e\f`]],
    ['', []],
  ]
  for (const [line, words] of table) assert.deepEqual(textsOf(line), words, line)
  assert.equal(wordsOf('a "b c').open, '"')
  for (const text of ['plain', 'two words', String.raw`"\ `, '']) {
    assert.deepEqual(textsOf(quoted(text)), [text])
  }
})

test('JSON is taken as it stands, to the end of the line, and options are found around it', () => {
  const inputOf = (line: string): Input => {
    const read = readLine(line)
    assert.ok('input' in read, line)
    return read.input
  }
  const json = inputOf(`call t {"a": "it's \\"b\\"", "c": [1]} --json`)
  assert.deepEqual(json.words, ['t', `{"a": "it's \\"b\\"", "c": [1]}`])
  assert.equal(json.json, true)
  const pairs = inputOf('call --json t --answer "who=A B" a=1 --answer n=2')
  assert.deepEqual(pairs.words, ['t', 'a=1'])
  assert.deepEqual(pairs.answers, [
    ['who', 'A B'],
    ['n', '2'],
  ])
  assert.deepEqual(readLine('call t "a'), { problem: 'The quote " is not closed.' })
  assert.deepEqual(readLine('call t --answer a'), { problem: 'Write --answer key=value.' })
})
