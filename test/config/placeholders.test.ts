import assert from 'node:assert/strict'
import path from 'node:path'
import test, { type TestContext } from 'node:test'

import { inputFor, launchOf, load, problemsOf, serverOf, withServer } from './in-folder.ts'
import { loadConfig } from '../../src/config/load.ts'

const filled = (t: TestContext, text: string, env: Record<string, string> = {}): string =>
  launchOf(load(t, withServer({ args: [text] }), { env })).args[0] ?? ''

test('variables are filled, with a default where they are unset or empty', (t) => {
  const env = { A: 'one', EMPTY: '', B: 'two' }
  assert.equal(filled(t, '<${A}>', env), '<one>')
  assert.equal(filled(t, '${A}${env:B}', env), 'onetwo')
  assert.equal(filled(t, '${EMPTY}', env), '')
  assert.equal(filled(t, '${NO:-d e}', env), 'd e')
  assert.equal(filled(t, '${NO:-}', env), '')
  assert.equal(filled(t, '${EMPTY:-d}', env), 'd')
  assert.equal(filled(t, '${A:-d}', env), 'one')
  assert.equal(filled(t, '${env:NO:-d}', env), 'd')
  assert.equal(filled(t, '${NO:-${B}}/${NO:-${NONE:-x}}', env), 'two/x')
})

test('a $ that is no placeholder of ours stays, for shells and regular expressions', (t) => {
  for (const text of ['$A', '$$', '$', 'a$', '${', '${A', '$(A)', '${x%.*}', '${#a}', '${A:?no}']) {
    assert.equal(filled(t, text, { A: 'one' }), text)
  }
  assert.equal(filled(t, '$$${A}', { A: 'one' }), '$$one')
})

test('a value is not filled again', (t) => {
  assert.equal(filled(t, '${A}', { A: '${B}', B: 'no' }), '${B}')
})

test('the folders of VS Code and Cursor are known', (t) => {
  const input = inputFor(
    t,
    withServer({
      args: [
        '${workspaceFolder}',
        '${userHome}',
        '${workspaceFolderBasename}',
        '${/}${pathSeparator}',
      ],
    }),
    { name: 'project/.vscode/mcp.json' },
  )
  assert.deepEqual(launchOf(loadConfig(input)).args, [
    path.join(input.root, 'project'),
    path.join(input.root, 'home'),
    'project',
    '//',
  ])
})

test('every key that may have placeholders has them', (t) => {
  const env = { SUB: 'sub', BIN: 'node', X: 'x', HOST: '127.0.0.1:9' }
  const mcpServers = {
    demo: { command: '${BIN}', cwd: './${SUB}', env: { Y: '-${X}-' }, envFile: '${SUB}/e' },
    far: { url: 'http://${HOST}/mcp', headers: { 'x-y': '${X}' } },
  }
  const files = { 'project/sub/e': 'Z=z\n' }
  const config = load(t, { mcpServers }, { env, files })
  const demo = serverOf(config)
  assert.equal(launchOf(config).command, 'node')
  assert.match(demo.cwd, /project\/sub$/)
  assert.deepEqual([demo.env.Y, demo.env.Z], ['-x-', 'z'])
  const far = serverOf(config, 'far').launch
  assert.ok(far.kind === 'remote')
  assert.deepEqual([far.url, far.headers], ['http://127.0.0.1:9/mcp', { 'x-y': 'x' }])
})

test('each one that is unset stops the load, naming server and key', (t) => {
  const mcpServers = {
    demo: { command: '${C}', args: ['a', '${D}'], env: { E: '${F} ${G}' }, cwd: '${H}' },
    far: { url: '${U}', headers: { Authorization: 'Bearer ${T}' } },
  }
  const found = problemsOf(t, { mcpServers })
  assert.deepEqual(Object.keys(found).sort(), [
    'mcpServers.demo.args[1]',
    'mcpServers.demo.command',
    'mcpServers.demo.cwd',
    'mcpServers.demo.env.E',
    'mcpServers.far.headers.Authorization',
    'mcpServers.far.url',
  ])
  assert.match(found['mcpServers.far.url'] ?? '', /variable U is not set.*\$\{U:-value\}/)
})

test('one that is unset is named beside what else is wrong with the server', (t) => {
  const server = { args: ['${NOT_SET}'], graceMs: 'soon', cwd: 'nowhere' }
  assert.deepEqual(Object.keys(problemsOf(t, withServer(server))).sort(), [
    'mcpServers.demo.args[0]',
    'mcpServers.demo.cwd',
    'mcpServers.demo.graceMs',
  ])
})

test('${input:…} is a variable of that name, and is refused, naming the variable, without one', (t) => {
  const text = {
    inputs: [{ type: 'promptString', id: 'api-key', password: true }],
    servers: {
      demo: {
        command: 'node',
        env: { KEY: '${input:api-key}', N: '${input:2fa}', P: '${input:path}' },
      },
    },
  }
  const name = 'project/.vscode/mcp.json'
  const found = problemsOf(t, text, { name })
  assert.match(found['servers.demo.env.KEY'] ?? '', /cannot ask\. Set the variable API_KEY/)
  assert.match(found['servers.demo.env.N'] ?? '', /INPUT_2FA/)
  assert.match(found['servers.demo.env.P'] ?? '', /INPUT_PATH/)
  const env = { API_KEY: 'k', INPUT_2FA: '2', INPUT_PATH: 'p' }
  const { KEY, N, P } = serverOf(load(t, text, { name, env })).env
  assert.deepEqual([KEY, N, P], ['k', '2', 'p'])
  const other = problemsOf(t, withServer({ args: ['${config:a.b}', '${command:x}'] }))
  assert.match(Object.values(other).join(), /known to VS Code only/)
})

test('${file:…} is what stands in a file, and a sandbox hides the file', (t) => {
  const server = { env: { KEY: '-${file:key.txt}-', HOME_KEY: '${file:~/key}' } }
  const files = { 'project/key.txt': ' k${A}\n', 'home/key': '\uFEFFh' }
  const config = load(t, withServer(server), { files })
  const { KEY, HOME_KEY } = serverOf(config).env
  assert.deepEqual([KEY, HOME_KEY], ['-k${A}-', 'h'])
  const hidden = launchOf(config).sandbox.hidden.map((file) => path.basename(file))
  assert.deepEqual(hidden, ['berth.yaml', 'key.txt', 'key'])
  const none = problemsOf(t, withServer({ args: ['${file:none}'] }))
  assert.match(none['mcpServers.demo.args[0]'] ?? '', /none cannot be read \(ENOENT\), seen from/)
})

test('~ is the home where it begins an argument, as a shell has it', (t) => {
  const args = ['~', '~/notes', '--dir=~/notes', '~ada/x', 'a~', '${A}', '~/${A}']
  const input = inputFor(t, withServer({ args }), { env: { A: '~/x' } })
  const home = path.join(input.root, 'home')
  assert.deepEqual(launchOf(loadConfig(input)).args, [
    ...[home, `${home}/notes`, '--dir=~/notes', '~ada/x', 'a~', '~/x'],
    path.join(home, '~/x'),
  ])
  const typed = loadConfig({ ...input, file: undefined, command: ['node', '~/notes'] })
  assert.deepEqual(launchOf(typed, 'server').args, ['~/notes'])
})

test('${PORT} stays for the driver in args and env of an http server', (t) => {
  const server = {
    transport: 'http',
    args: ['--port=${PORT}', '${PORT:-8000}', '${env:PORT}'],
    env: { LISTEN: '127.0.0.1:${PORT}', PORT: '${PORT}' },
  }
  const config = load(t, withServer(server), { env: { PORT: '1' } })
  assert.deepEqual(launchOf(config).args, ['--port=${PORT}', '${PORT}', '1'])
  assert.equal(serverOf(config).env.LISTEN, '127.0.0.1:${PORT}')
  assert.equal(serverOf(config).env.PORT, undefined)
})

test('with a fixed port it is that port, and elsewhere a variable', (t) => {
  const fixed = load(t, withServer({ transport: 'http', port: 8000, args: ['${PORT}'] }))
  assert.deepEqual(launchOf(fixed).args, ['8000'])
  assert.equal(launchOf(fixed).port, 8000)
  assert.equal(filled(t, '${PORT}', { PORT: '7' }), '7')
  const unset = problemsOf(t, withServer({ args: ['${PORT}'] }))
  assert.match(Object.values(unset).join(), /only in args and env of a server with transport: http/)
})

test('PORT itself is for Berth to set on an http server', (t) => {
  const own = { transport: 'http', env: { PORT: 8000 } }
  assert.match(
    problemsOf(t, withServer(own))['mcpServers.demo.env.PORT'] ?? '',
    /write port: NUMBER/,
  )
  assert.equal(serverOf(load(t, withServer({ ...own, port: 8000 }))).env.PORT, undefined)
  assert.equal(serverOf(load(t, withServer({ env: { PORT: 8000 } }))).env.PORT, '8000')
})
