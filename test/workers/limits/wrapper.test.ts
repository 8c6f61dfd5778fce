import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import type { LimitedCommandOptions } from '../../../src/workers/limits/wrapper.ts'
import { limitedCommand } from '../../../src/workers/limits/wrapper.ts'
import { tempDir } from '../../support/temp.ts'

/** Those of them that are here; `sh` is one of them or yet another. */
const shells = [
  ['/bin/sh'],
  ['/bin/dash'],
  ['/bin/busybox', 'sh'],
  ['/bin/bash', '--posix'],
].filter(([file = '']) => existsSync(file))

const noProc = existsSync('/proc/self/limits') ? false : 'no /proc here'
const noFull = existsSync('/dev/full') ? false : 'no /dev/full here'

/** Runs it with another shell as `sh`. */
function run(options: Partial<LimitedCommandOptions>, shell = ['sh']) {
  const { command, args } = limitedCommand({
    command: 'true',
    args: [],
    procsFiles: [],
    ...options,
  })
  assert.equal(command, 'sh')
  const [file = '', ...before] = shell
  return spawnSync(file, [...before, ...args], { encoding: 'utf8', input: 'from stdin' })
}

const ask = (script: string) => ({ command: 'sh', args: ['-c', script] })

test('a command without limits stays as it is', () => {
  assert.deepEqual(limitedCommand({ command: 'node', args: ['a b'], procsFiles: [] }), {
    command: 'node',
    args: ['a b'],
  })
})

test('what is no number never becomes part of a script', () => {
  for (const openFiles of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => limitedCommand({ command: 'x', args: [], procsFiles: [], openFiles }))
  }
})

for (const shell of shells) {
  const name = shell[0] ?? ''
  suite(`the wrapper in ${name}`, () => {
    test('joins every group, whatever its name, and becomes the command', (t) => {
      const dir = join(tempDir(t), `it's "a" $name`)
      mkdirSync(dir)
      const files = [join(dir, 'one'), join(dir, 'two')]
      const args = ['-c', 'cat; printf "<%s>" "$@"', 'me', 'a b', '', '$x', '--', `it's`, '*']
      const { stdout, status } = run({ procsFiles: files, command: 'sh', args }, shell)
      assert.equal(stdout, `from stdin<a b><><$x><--><it's><*>`)
      assert.equal(status, 0)
      assert.deepEqual(
        files.map((file) => readFileSync(file, 'utf8')),
        ['0\n', '0\n'],
      )
    })

    test('limits open files, soft and hard', () => {
      const { stdout } = run({ openFiles: 77, ...ask('ulimit -S -n; ulimit -H -n') }, shell)
      assert.equal(stdout, '77\n77\n')
    })

    test('limits processes by whatever letter its shell has for it', { skip: noProc }, () => {
      const limits = readFileSync('/proc/self/limits', 'utf8')
      const before = /^Max processes +(\S+) +(\S+)/m.exec(limits)
      assert.notEqual(before?.[2], '1234')
      const { stdout, stderr } = run({ pids: 1234, ...ask('cat /proc/self/limits') }, shell)
      assert.match(stdout, /^Max processes +1234 +1234 /m)
      assert.equal(stderr, '')
    })

    test('limits the size of a file', (t) => {
      const file = join(tempDir(t), 'large')
      const dd = { command: 'dd', args: ['if=/dev/zero', `of=${file}`, 'bs=1k', 'count=9'] }
      assert.notEqual(run({ fileBytes: 4000, ...dd }, shell).status, 0)
      assert.equal(readFileSync(file).length, 4096)
    })

    test('says what it could not join, and does not become the command', (t) => {
      const missing = join(tempDir(t), 'no', 'such')
      const result = run({ procsFiles: [missing], command: 'echo', args: ['ran'] }, shell)
      assert.equal(result.status, 126)
      assert.equal(result.stdout, '')
      assert.ok(
        result.stderr.endsWith(
          `berth: the worker cannot be limited: it could not join ${missing}\n`,
        ),
        result.stderr,
      )
    })

    test('notices that the kernel refuses it', { skip: noFull }, () => {
      const result = run({ procsFiles: ['/dev/full'], command: 'echo', args: ['ran'] }, shell)
      assert.equal(result.status, 126)
      assert.equal(result.stdout, '')
    })
  })
}

test('more open files than are allowed leaves those that are', () => {
  const inner = limitedCommand({
    procsFiles: [],
    openFiles: 500,
    ...ask('ulimit -S -n; ulimit -H -n'),
  })
  // Root could raise its limits again.
  const drop = ['--reuid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all']
  const isRoot = process.getuid?.() === 0
  const outer = limitedCommand({
    procsFiles: [],
    openFiles: 50,
    command: isRoot ? 'setpriv' : inner.command,
    args: isRoot ? [...drop, inner.command, ...inner.args] : inner.args,
  })
  assert.equal(spawnSync(outer.command, outer.args, { encoding: 'utf8' }).stdout, '50\n50\n')
})

test('a command that does not exist ends as in any shell', () => {
  assert.equal(run({ openFiles: 50, command: '/no/such/command' }).status, 127)
})
