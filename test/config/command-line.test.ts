import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'

import { loadConfig, type LoadInput } from '../../src/config/load.ts'
import { folderOf, launchOf, problemsIn, serverOf } from './in-folder.ts'

function inputOf(t: TestContext, input: Partial<LoadInput>, files = {}): LoadInput {
  const root = folderOf(t, files)
  const env = { PATH: process.env.PATH, ...input.env }
  return { cwd: root, homeDir: root, ...input, env }
}

test('a command alone is one stdio server, at /mcp too', (t) => {
  const input = inputOf(
    t,
    { command: ['node', 'server.js', '--x'] },
    { 'berth.yaml': 'nonsense: 1' },
  )
  const config = loadConfig(input)
  assert.equal(config.file, undefined)
  const server = serverOf(config, 'server')
  assert.equal(server.isDefault, true)
  assert.equal(server.cwd, input.cwd)
  assert.deepEqual(server.launch, {
    kind: 'local',
    shown: 'node server.js --x',
    command: 'node',
    args: ['server.js', '--x'],
    transport: 'stdio',
    path: '/mcp',
    relay: false,
    sessionsPerKeeper: 8,
    limits: {},
    sandbox: { network: 'host', outbound: true, mounts: [], hidden: [] },
    origin: { isCommandLine: true, withheld: [] },
  })
})

test('http gives it the port in PORT, and a port is fixed', (t) => {
  const command = ['./serve.sh', '--port', '${PORT}']
  const files = { 'serve.sh': '#!/bin/sh\n' }
  const free = loadConfig(inputOf(t, { command, entry: { transport: 'http' } }, files))
  assert.deepEqual(launchOf(free, 'server').args, ['--port', '${PORT}'])
  assert.equal(launchOf(free, 'server').transport, 'http')
  assert.match(launchOf(free, 'server').command, /^\/.*\/serve\.sh$/)
  const fixed = loadConfig(inputOf(t, { command, entry: { transport: 'http', port: 8000 } }, files))
  assert.deepEqual(launchOf(fixed, 'server').args, ['--port', '8000'])
  assert.equal(launchOf(fixed, 'server').port, 8000)
})

test('the shell has filled the placeholders already', (t) => {
  const command = ['sh', '-c', 'echo ${HOME} ${x} ${PORT}']
  const config = loadConfig(inputOf(t, { command, env: { HOME: '/h' } }))
  assert.deepEqual(launchOf(config, 'server').args, ['-c', 'echo ${HOME} ${x} ${PORT}'])
})

test('flags and the environment hold for a command too', (t) => {
  const config = loadConfig(
    inputOf(t, {
      command: ['node'],
      flags: { listenPort: 0, logLevel: 'debug' },
      env: { BERTH_DEFAULTS_PASS_ENV: 'MY_*', MY_KEY: 'k' },
    }),
  )
  assert.deepEqual([config.listen.port, config.log.level], [0, 'debug'])
  assert.equal(serverOf(config, 'server').env.MY_KEY, 'k')
})

test('a file beside a command, no command and a port out of range are errors', (t) => {
  assert.match(
    problemsIn(inputOf(t, { file: 'x', command: ['node'] }))[''] ?? '',
    /either a file or a command/,
  )
  assert.match(problemsIn(inputOf(t, { command: [] }))[''] ?? '', /no command after --/)
  const found = problemsIn(
    inputOf(t, { command: ['node'], entry: { transport: 'http', port: 70_000 } }),
  )
  assert.match(found['--port'] ?? '', /from 1 to 65535/)
})

test('what options say of the server is named by them', (t) => {
  const entry = { env: { 'A B': 'secret', OK: '${PATH}' }, envFile: 'no.env', passEnv: ['?'] }
  const found = problemsIn(inputOf(t, { command: ['node'], entry }))
  assert.match(found['--env-file'] ?? '', /no\.env cannot be read \(ENOENT\)/)
  assert.match(found['--pass-env'] ?? '', /the name of a variable/)
  const sound = { ...entry, envFile: '.env', passEnv: ['MY_*'] }
  const files = { '.env': 'OK=file\nFROM_FILE=1\nMY_KEY=file' }
  const env = { MY_KEY: 'shell', MY_OTHER: 'shell' }
  const config = loadConfig(inputOf(t, { command: ['node'], entry: sound, env }, files))
  const given = serverOf(config, 'server').env
  assert.deepEqual(
    [given.OK, given.FROM_FILE, given.MY_KEY, given.MY_OTHER],
    ['${PATH}', '1', 'file', 'shell'],
  )
})

test('a program that is not there is named with the one that was meant', (t) => {
  const warned = (...command: string[]): string =>
    loadConfig(inputOf(t, { command })).warnings.join('\n')
  assert.equal(warned('./gone.sh'), './gone.sh does not exist, or cannot be started.')
  assert.equal(warned('pyhton-not-here'), 'pyhton-not-here is not in PATH.')
  assert.equal(warned('noed', 'x.js'), 'noed is not in PATH. Did you mean node?')
  assert.equal(
    warned('nowhere server.py --token sk-1'),
    '"nowhere server.py --token …" is not in PATH. Leave out the quotes: -- nowhere server.py --token …',
  )
})

test('of a command line nothing is noted that only a file can say otherwise', (t) => {
  assert.deepEqual(loadConfig(inputOf(t, { command: ['node'] })).warnings, [])
})

test('a variable that is to be passed and is not set is an error, or in a file a warning', (t) => {
  const entry = { passEnv: ['ACME_KEY', 'ACME_*', 'HERE'] }
  const env = { HERE: '' }
  assert.deepEqual(problemsIn(inputOf(t, { command: ['node'], entry, env })), {
    '--pass-env ACME_KEY': 'it is not set in this shell.',
  })
  const file = (server: object): string[] =>
    loadConfig(
      inputOf(
        t,
        { env },
        {
          'mcp.json': JSON.stringify({
            mcpServers: { a: { command: 'node', cwd: 'session', ...server } },
          }),
        },
      ),
    ).warnings
  assert.deepEqual(file(entry), [
    'passEnv names ACME_KEY, which is not set where Berth was started.',
  ])
  assert.deepEqual(file({ ...entry, env: { ACME_KEY: 'x' } }), [])
})
