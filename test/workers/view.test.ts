import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { LocalSpec } from '../../src/workers/driver.ts'
import type { View } from '../../src/workers/sandbox/view.ts'
import { viewOf } from '../../src/workers/sandbox/view.ts'
import { noSandbox } from '../support/config.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

/** A machine of one folder: a home, a project in it, the gateway's own folder. */
function machine(t: Owner, files: string[]) {
  const root = tempDir(t)
  const [home, stateDir] = [join(root, 'home'), join(root, 'home', 'project', 'state')]
  for (const file of ['home/project/server.py', 'home/project/state/admin', ...files]) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), '')
  }
  const view = (
    launch: Partial<LocalSpec['launch']> = {},
    more: { cwd?: string; path?: string[] } = {},
  ): View =>
    viewOf(
      {
        kind: 'local',
        workerId: '0'.repeat(16),
        session: 's',
        server: 's',
        launch: {
          kind: 'local',
          shown: '',
          command: 'python3',
          args: ['server.py'],
          transport: 'stdio',
          path: '/mcp',
          relay: false,
          limits: {},
          sandbox: noSandbox,
          ...launch,
        },
        directory: join(stateDir, 'sessions', 's'),
        cwd: more.cwd ?? join(home, 'project'),
        env: { HOME: home, PATH: (more.path ?? []).join(':') },
        outputMaxBytes: 1,
        startTimeoutMs: 1,
      },
      { stateDir, nodePath: '/usr/bin/node' },
    )
  const below = (paths: string[]): string[] =>
    paths.filter((path) => path.startsWith(root)).map((path) => path.slice(root.length + 1))
  return { root, home, stateDir, view, below }
}

test('of a home only tools are shown, caches and the working folder as copies', (t) => {
  const { view, below, home } = machine(t, [
    ...['home/.ssh/id_rsa', 'home/.aws/credentials', 'home/.netrc', 'home/.npmrc'],
    ...['home/.pyenv/shims/python3', 'home/.cargo/credentials.toml', 'home/.cargo/bin/uv'],
    ...['home/.npm/_cacache/x', 'home/.cache/uv/x', 'home/.cache/mozilla/x'],
  ])
  const path = ['.pyenv/shims', '.cargo/bin', 'bin'].map((name) => join(home, name))
  const { folders, copies, system } = view({}, { path })
  assert.deepEqual(below(folders).sort(), ['home/.cargo/bin', 'home/.pyenv'])
  assert.deepEqual(below(copies).sort(), ['home/.cache/uv', 'home/.npm', 'home/project'])
  assert.ok(system.includes('/usr') && system.includes('/etc'))
  assert.equal(view().home, home)
})

test("the gateway's own folder, its file and secrets of the system are hidden", (t) => {
  const { view, below, home, stateDir } = machine(t, ['home/project/berth.yaml'])
  const file = join(home, 'project', 'berth.yaml')
  const elsewhere = join(home, 'not-shown')
  const { hidden } = view({ sandbox: { ...noSandbox, hidden: [file, elsewhere] } })
  assert.deepEqual(below(hidden), [below([stateDir])[0], 'home/project/berth.yaml'])
  assert.ok(hidden.includes('/etc/shadow'))
})

test('of a script that stands elsewhere the whole project is shown', (t) => {
  const { view, below, root } = machine(t, [
    ...['tools/one/package.json', 'tools/one/dist/index.js'],
    ...['tools/two/lone.py', 'tools/two/key', 'tools/venv/pyvenv.cfg', 'tools/venv/bin/python'],
  ])
  const shown = (command: string, ...args: string[]): string[] =>
    below(view({ command, args }).folders)
  assert.deepEqual(shown('node', join(root, 'tools/one/dist/index.js')), ['tools/one'])
  assert.deepEqual(shown(join(root, 'tools/venv/bin/python'), join(root, 'tools/two/lone.py')), [
    'tools/venv',
    'tools/two',
  ])
  assert.deepEqual(shown('node', 'server.py', join(root, 'tools/two/key')), ['tools/two/key'])
  // A folder that a server is to work on is for `mounts` to open.
  assert.deepEqual(shown('node', 'server.py', join(root, 'tools')), [])
})

test('neither a whole home nor the whole machine is ever shown', (t) => {
  const { view, below, home, root } = machine(t, ['home/server.js', 'home/package.json'])
  for (const cwd of [home, root, '/']) {
    const { folders, copies } = view({ command: 'node', args: [join(home, 'server.js')] }, { cwd })
    assert.deepEqual([below(folders), below(copies)], [['home/server.js'], []], cwd)
    assert.ok(!folders.includes('/'))
  }
})
