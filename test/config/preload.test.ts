import assert from 'node:assert/strict'
import test from 'node:test'

import { describeServer } from '../../src/config/describe.ts'
import { launchOf, load, problemsOf, serverOf, withServer } from './in-folder.ts'

const python = { command: 'python3', args: ['server.py'] }

test('the modules of a template arrive, each once, and are shown', (t) => {
  const config = load(t, withServer({ ...python, preload: ['fastmcp', 'a.b_2', 'fastmcp'] }))
  assert.deepEqual(launchOf(config).preload, ['fastmcp', 'a.b_2'])
  assert.match(describeServer(serverOf(config)), /, forked with fastmcp and a\.b_2 loaded,/)
  const auto = load(t, withServer({ ...python, preload: 'auto' }))
  assert.equal(launchOf(auto).preload, 'auto')
  assert.match(describeServer(serverOf(auto)), /forked with what it imports loaded/)
})

test('without preload nothing is forked', (t) => {
  assert.equal(launchOf(load(t, withServer(python))).preload, undefined)
})

test('defaults hold for the servers that run Python, and for no others', (t) => {
  const defaults = { preload: ['fastmcp'] }
  const one = load(t, withServer(python, { defaults }))
  assert.deepEqual(launchOf(one).preload, ['fastmcp'])
  const other = load(t, withServer({ command: 'node', args: ['x.js'] }, { defaults }))
  assert.equal(launchOf(other).preload, undefined)
})

test('what is no Python has no template', (t) => {
  for (const [server, told] of [
    [
      { command: 'node', args: ['x.js'] },
      /node is no Python and no program of one\. Start the server/,
    ],
    [{ command: 'uv', args: ['run', 'x.py'] }, /uv is no Python/],
    [{ command: 'python3', args: ['-c', 'pass'] }, /runs python FILE and python -m MODULE/],
  ] as const) {
    const problems = problemsOf(t, withServer({ ...server, preload: ['fastmcp'] }))
    assert.match(Object.entries(problems).flat().join(' '), told)
    assert.match(Object.keys(problems).join(), /preload/)
  }
})

test('wrong names of modules are refused', (t) => {
  for (const preload of ['fastmcp', ['fast-mcp'], ['os; x'], [''], [3], { a: 1 }]) {
    const problems = problemsOf(t, withServer({ ...python, preload }))
    assert.match(Object.keys(problems).join(), /preload/)
  }
})

test('a server in a sandbox has one as well, and it is said where that loads them', (t) => {
  const config = load(t, withServer({ ...python, preload: ['fastmcp'], isolation: 'sandbox' }))
  assert.deepEqual(launchOf(config).preload, ['fastmcp'])
  assert.match(
    describeServer(serverOf(config)),
    /forked with fastmcp loaded outside of its sandbox/,
  )
})

test('what defaults say is loaded outside of a sandbox only if they say sandbox as well', (t) => {
  const preload = ['fastmcp']
  const isolation = 'sandbox'
  const one = load(t, withServer({ ...python, isolation }, { defaults: { preload } }))
  assert.equal(launchOf(one).preload, undefined)
  assert.match(one.warnings.join('\n'), /modules of preload are loaded outside of that/)
  const both = load(t, withServer(python, { defaults: { preload, isolation } }))
  assert.deepEqual(launchOf(both).preload, preload)
})
