import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { mountProblem, secondNameProblem } from '../../src/ground/mount-rules.ts'
import { walk } from '../../src/ground/safe-path.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

function rig(t: Owner) {
  const root = tempDir(t)
  for (const each of ['data/sub/deep', 'state/run', 'project/lib', 'open/inner', 'sticky/inner']) {
    mkdirSync(join(root, each), { recursive: true })
  }
  writeFileSync(join(root, 'project', 'berth.yaml'), 'secret')
  const links = {
    'project/to-state': '../state',
    'project/to-project': '.',
    'data/link': '/usr',
    'through-data': 'data/link',
    round: 'round',
    'to-kernel': '/proc/self',
    'to-root': '/',
  }
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name))
  chmodSync(join(root, 'open'), 0o777)
  chmodSync(join(root, 'sticky'), 0o1777)
  const at = (path: string): string => (path.startsWith('/') ? path : join(root, path))
  const problem = (from: string, { write = false, writable = ['data'] } = {}) =>
    mountProblem(
      { from: at(from), write },
      {
        stateDir: at('state'),
        hidden: [at('project/berth.yaml'), at('gone.env')],
        writable: writable.map(at),
      },
    )
  return { root, problem, at }
}

test('what is dangerous is refused, with the reason', (t) => {
  const { root, problem } = rig(t)
  const refused: [string, RegExp][] = [
    ['/', /^it is the whole machine/],
    ['to-root', /^it is the whole machine/],
    ['/proc', /^\/proc is the kernel's/],
    ['to-kernel', /^\/proc is the kernel's/],
    ['/sys/kernel', /^\/sys is the kernel's/],
    ['/dev/shm', /^\/dev is the kernel's/],
    [root, /^the state directory is in it, and with it the admin token/],
    ['.', /^the state directory is in it/],
    ['state', /^the state directory is in it/],
    ['state/run', /^the state directory holds it/],
    ['project/to-state', /^the state directory is in it/],
    ['project/berth.yaml', /^it holds secrets/],
    ['data/sub', /^it is in .*\/data, where workers may write/],
    ['data/sub/deep', /^it is in .*\/data, where workers may write/],
    ['through-data', /^it is in .*\/data, where workers may write/],
    ['open/inner', /^others may write in .*\/open, and could put a link in its place/],
    ['nowhere', /^it is not there/],
    ['round', /^it is not there/],
  ]
  for (const [from, reason] of refused) assert.match(problem(from) ?? 'none', reason, from)
  assert.match(
    problem('project', { write: true }) ?? '',
    /write: true a worker could put something/,
  )
  assert.match(problem('project/to-project', { write: true }) ?? '', /write: true a worker could/)
})

test('the usual is not', (t) => {
  const { problem } = rig(t)
  const fine = ['data', 'project', 'project/to-project', 'project/lib', 'open', 'sticky/inner']
  for (const from of [...fine, '/usr', '/etc']) assert.equal(problem(from), undefined, from)
  assert.equal(problem('data', { write: true }), undefined)
  assert.equal(problem('project/lib', { write: true }), undefined)
})

test(
  'what another user owns on the way is not trusted',
  { skip: process.getuid?.() !== 0 },
  (t) => {
    const { problem, at } = rig(t)
    chownSync(at('project'), 12_345, 12_345)
    assert.match(
      problem('project/lib') ?? '',
      /project belongs to another user, and could put a link/,
    )
    assert.equal(problem('project'), undefined, 'its content is theirs to give')
    chownSync(at('sticky/inner'), 12_345, 12_345)
    assert.match(problem('sticky/inner') ?? '', /^others may write in .*\/sticky/)
  },
)

test('a path is followed as the system follows it', (t) => {
  const { at } = rig(t)
  symlinkSync('../project/to-state/./run/..', at('data/long'))
  const walked = walk(at('data/long'))
  assert.equal(walked?.real, at('state'))
  assert.ok(walked.passed.includes(at('data/long')) && walked.passed.includes(at('state/run')))
})

test('a file with secrets that has a second name cannot be hidden, and is refused', (t) => {
  const file = join(tempDir(t), 'secrets.yaml')
  writeFileSync(file, 'a', { mode: 0o600 })
  assert.equal(secondNameProblem(file), undefined)
  assert.equal(secondNameProblem(`${file}.missing`), undefined)
  linkSync(file, `${file}.copy`)
  const problem = secondNameProblem(file) ?? ''
  assert.match(problem, /has a second name \(a hard link\), .* Make it a file of its own: cp -p /)
  execFileSync('sh', ['-c', problem.replace(/^.*of its own: /, '')])
  assert.equal(secondNameProblem(file), undefined)
})
