import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'

import { loadConfig } from '../../src/config/load.ts'
import { inputFor, launchOf, problemsOf, serverOf, withServer } from './in-folder.ts'

const cwdIn = (t: Parameters<typeof inputFor>[0], name: string, cwd?: string): string => {
  const files = { 'project/sub/.keep': '', 'home/work/.keep': '' }
  const input = inputFor(t, withServer(cwd === undefined ? {} : { cwd }), { name, files })
  return path.relative(input.root, serverOf(loadConfig(input)).cwd)
}

test('the folder is that of the file, wherever the gateway was started', (t) => {
  assert.equal(cwdIn(t, 'project/berth.yaml'), 'project')
  assert.equal(cwdIn(t, 'project/.mcp.json'), 'project')
})

test('for a file of an editor it is the project', (t) => {
  assert.equal(cwdIn(t, 'project/.vscode/mcp.json'), 'project')
  assert.equal(cwdIn(t, 'project/.cursor/mcp.json'), 'project')
  assert.equal(cwdIn(t, 'project/.cursor/mcp.json', 'sub'), 'project/sub')
})

test('a relative cwd starts from there, ~ from the home, and an absolute one stays', (t) => {
  assert.equal(cwdIn(t, 'project/berth.yaml', './sub'), 'project/sub')
  assert.equal(cwdIn(t, 'project/berth.yaml', '..'), '')
  assert.equal(cwdIn(t, 'project/berth.yaml', '~/work'), 'home/work')
  assert.equal(cwdIn(t, 'project/berth.yaml', '${workspaceFolder}/sub'), 'project/sub')
  const input = inputFor(t, withServer({ cwd: '/' }))
  assert.equal(serverOf(loadConfig(input)).cwd, '/')
})

test('cwd: session stays a word', (t) => {
  const config = loadConfig(inputFor(t, withServer({ cwd: 'session' })))
  assert.equal(serverOf(config).cwd, 'session')
  assert.doesNotMatch(config.warnings.join(), /same folder/)
})

test('a folder that is not there is an error', (t) => {
  for (const cwd of ['nowhere', './berth.yaml', '~/nowhere']) {
    const found = problemsOf(t, withServer({ cwd }))
    assert.match(found['mcpServers.demo.cwd'] ?? '', new RegExp(`there is no folder ${cwd}`))
  }
})

test('a command with a slash starts from cwd, a bare one is looked up in PATH', (t) => {
  const files = { 'project/sub/bin/serve': '#!/bin/sh\n', 'home/bin/mine': '#!/bin/sh\n' }
  const started = (server: object): [string, string[]] => {
    const input = inputFor(t, withServer(server), { files })
    const { warnings, ...config } = loadConfig(input)
    const command = launchOf({ ...config, warnings }).command.replace(`${input.root}/`, '')
    return [command, warnings.filter((warning) => warning.includes('is started with'))]
  }
  assert.deepEqual(started({ command: './bin/serve', cwd: 'sub' }), ['project/sub/bin/serve', []])
  assert.deepEqual(started({ command: '~/bin/mine' }), ['home/bin/mine', []])
  assert.deepEqual(started({ command: './sub/bin/serve', cwd: 'session' }), [
    'project/sub/bin/serve',
    [],
  ])
  assert.deepEqual(started({ command: 'sh' }), ['sh', []])
  assert.deepEqual(started({ command: 'mine', env: { PATH: '${userHome}/bin' } }), ['mine', []])
})

test('a command that is not there is a warning that names the server', (t) => {
  const warned = (server: object): string =>
    loadConfig(inputFor(t, withServer(server), { files: { 'project/data': '' } })).warnings.join(
      '\n',
    )
  assert.match(
    warned({ command: 'no-such-program' }),
    /^The server demo is started with no-such-program, but it is not in PATH\.$/m,
  )
  assert.match(
    warned({ command: './nothing' }),
    /started with \.\/nothing, but there is no such program/,
  )
  assert.match(warned({ command: './data' }), /no such program/)
})
