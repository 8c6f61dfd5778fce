import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

import { readPythonCommand } from '../../src/ground/python-command.ts'
import { tempDir } from '../support/temp.ts'

const at = (command: string, ...args: string[]): unknown => {
  const found = readPythonCommand(command, args, '')
  if (typeof found === 'string') return found
  return [found.interpreter, found.flags, found.kind, found.words[found.at]]
}

test('command lines of Python are taken apart', () => {
  assert.deepEqual(at('python3', 'a.py', '-m', 'x'), ['python3', [], 'file', 'a.py'])
  assert.deepEqual(at('/v/bin/python3.12', '-u', '-m', 'pkg.tool', '-x'), [
    '/v/bin/python3.12',
    ['-u'],
    'module',
    'pkg.tool',
  ])
  assert.deepEqual(at('python', '-Xutf8', '-W', 'error', '-OO', 'a.py'), [
    'python',
    ['-Xutf8', '-W', 'error', '-OO'],
    'file',
    'a.py',
  ])
})

test('what a template cannot run is told', () => {
  for (const args of [['-c', 'pass'], ['-'], ['-i', 'a.py'], ['-m'], [], ['--version'], ['-mx']]) {
    assert.equal(typeof at('python3', ...args), 'string', args.join(' '))
  }
  for (const command of ['node', 'python3-config', 'uv', '/no/such/program']) {
    assert.equal(typeof at(command, 'a.py'), 'string', command)
  }
})

test('a program leads to its Python by its first line', (t) => {
  const folder = tempDir(t)
  const program = (name: string, text: string): string => {
    const file = join(folder, name)
    writeFileSync(file, text)
    chmodSync(file, 0o755)
    return file
  }
  const cases: [string, string, string, string[]][] = [
    ['venv', '#!/v/bin/python3 -sE\nx\n', '/v/bin/python3', ['-sE']],
    ['env', '#!/usr/bin/env python3\nx\n', 'python3', []],
  ]
  for (const [name, text, interpreter, flags] of cases) {
    const file = program(name, text)
    const found = readPythonCommand(name, ['run', 'x'], folder)
    assert.ok(typeof found !== 'string', name)
    assert.deepEqual(
      [found.interpreter, found.flags, found.kind, found.words.slice(found.at)],
      [interpreter, flags, 'file', [file, 'run', 'x']],
    )
  }
  const long = program('long', `#!/bin/sh\n'''exec' "/v w/bin/python3.11" "$0" "$@"\n' '''\n`)
  assert.deepEqual(at(long, 'run'), ['/v w/bin/python3.11', [], 'file', long])
  for (const text of ['#!/usr/bin/env node\n', '#!/bin/sh\necho\n', '\x7fELF', '']) {
    assert.equal(typeof at(program('other', text)), 'string', text)
  }
})
