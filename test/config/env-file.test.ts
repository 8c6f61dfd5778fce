import assert from 'node:assert/strict'
import test from 'node:test'

import { parseEnvText } from '../../src/config/environment.ts'

function valuesOf(text: string): Record<string, string> {
  const read = parseEnvText(text)
  assert.ok('values' in read, 'a line was not understood')
  return Object.fromEntries(read.values)
}

test('the usual forms are read', () => {
  const text = `
# a comment
PLAIN=value
  SPACED = a b  # comment
export EXPORTED=yes
EMPTY=
EMPTY_TOO= # comment
HASH=a#b
EQUALS=a=b==
SINGLE='it is $5 \\n'  # comment
DOUBLE="a\\tb \\"c\\" \\$d"
TICK=\`x "y"\`
URL=https://u:p@h/?a=1#b
JSON={"a": 1}
MULTI="first
second"
LAST=end`
  assert.deepEqual(valuesOf(text), {
    PLAIN: 'value',
    SPACED: 'a b',
    EXPORTED: 'yes',
    EMPTY: '',
    EMPTY_TOO: '',
    HASH: 'a#b',
    EQUALS: 'a=b==',
    SINGLE: 'it is $5 \\n',
    DOUBLE: 'a\tb "c" $d',
    TICK: 'x "y"',
    URL: 'https://u:p@h/?a=1#b',
    JSON: '{"a": 1}',
    MULTI: 'first\nsecond',
    LAST: 'end',
  })
})

test('line ends of Windows, a byte order mark and an empty file are no trouble', () => {
  assert.deepEqual(valuesOf('\uFEFFA=1\r\nB="x\r\ny"\r\n'), { A: '1', B: 'x\ny' })
  assert.deepEqual(valuesOf(''), {})
  assert.deepEqual(valuesOf('# only\n\n  \n'), {})
})

test('a later line wins', () => {
  assert.deepEqual(valuesOf('A=1\nA=2\n'), { A: '2' })
})

test('a line that is none is named by its number', () => {
  for (const line of ['no equals', '=x', '1A=x', 'A="open', "A='open", 'A="x"y', 'A B=1']) {
    assert.deepEqual(parseEnvText(`OK=1\n\n${line}\n`), { badLine: 3 })
  }
})
