import assert from 'node:assert/strict'
import { chmodSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import test, { type TestContext } from 'node:test'

import { describeServer } from '../../src/config/describe.ts'
import { loadConfig } from '../../src/config/load.ts'
import {
  inputFor,
  launchOf,
  load,
  problemsIn,
  problemsOf,
  serverOf,
  withServer,
} from './in-folder.ts'

const local = { authorizerConfiguration: 'local' }
const secretsFile = 'shared: { KEY: hush }\nusers: { alice: { TOKEN: hush } }\n'

/** With a file of secrets beside it. */
function inputWith(t: TestContext, server: object, top: object = {}, mode = 0o600) {
  const content = withServer(server, { ...local, secrets: { file: './secrets.yaml' }, ...top })
  const files = { 'project/secrets.yaml': secretsFile, 'project/secret-of.sh': '#!/bin/sh\n' }
  const input = inputFor(t, content, { files, env: { FIXED: '${claims.sub}' } })
  chmodSync(path.join(input.root, 'project/secrets.yaml'), mode)
  return input
}

test('what only the caller has stays open, and all else is filled', (t) => {
  const config = loadConfig(
    inputWith(t, {
      env: {
        WHO: '<${claims.sub}>${FIXED}',
        TEAM: '${claims.custom:org.team}',
        KEY: 'a${secret:KEY}b${userSecret:TOKEN}c',
        GIVEN: '${NOT_SET:-${header:X-Given}}',
        PLAIN: '${FIXED}',
      },
      credentialHeaders: ['X-Given', 'x-given', 'X-Other'],
    }),
  )
  const { env, credentials } = serverOf(config)
  assert.equal(env.PLAIN, '${claims.sub}', 'a value is not filled again')
  assert.deepEqual([env.WHO, env.KEY], [undefined, undefined])
  assert.deepEqual(credentials, {
    env: {
      WHO: ['<', { kind: 'claim', name: 'sub' }, '>${claims.sub}'],
      TEAM: [{ kind: 'claim', name: 'custom:org.team' }],
      KEY: ['a', { kind: 'secret', name: 'KEY' }, 'b', { kind: 'userSecret', name: 'TOKEN' }, 'c'],
      GIVEN: [{ kind: 'header', name: 'X-Given' }],
    },
    headers: {},
    clientHeaders: ['x-given', 'x-other'],
  })
})

test('so it is in the headers of a remote server', (t) => {
  const url = 'http://127.0.0.1:9/mcp'
  const headers = { Authorization: 'Bearer ${userSecret:TOKEN}', 'X-Y': 'z' }
  const input = inputWith(t, {}, { mcpServers: { demo: { url, headers } } })
  const { launch, credentials } = serverOf(loadConfig(input))
  assert.ok(launch.kind === 'remote')
  assert.deepEqual(launch.headers, { 'x-y': 'z' })
  assert.deepEqual(credentials?.headers, {
    authorization: ['Bearer ', { kind: 'userSecret', name: 'TOKEN' }],
  })
})

test('a server that takes nothing has none, and a command line is for its shell', (t) => {
  assert.equal(serverOf(load(t, withServer())).credentials, undefined)
  const input = inputFor(t, '', { file: undefined, command: ['node', '${secret:1}'] })
  assert.deepEqual(launchOf(loadConfig(input), 'server').args, ['${secret:1}'])
})

type Row = [what: string, server: object, top: object, at: string, says: RegExp]
const rows: Row[] = [
  [
    'a claim without a token',
    { env: { A: '${claims.sub}' } },
    { authorizerConfiguration: 'none' },
    'env.A',
    /claims\.sub\} .*asks for none/,
  ],
  [
    'a secret of nobody',
    { env: { A: '${userSecret:TOKEN}' }, authorizerConfiguration: 'none' },
    {},
    'env.A',
    /asks for none.*authorizerConfiguration/,
  ],
  [
    'a header that is not listed',
    { env: { A: '${header:X-A}' } },
    {},
    'env.A',
    /credentialHeaders: \[X-A\]/,
  ],
  [
    'a secret that is nowhere',
    { env: { A: '${secret:NO}' } },
    {},
    'env.A',
    /secrets\.file.*secrets\.fromEnv/,
  ],
  [
    'a user without secrets',
    { env: { A: '${userSecret:NO}' } },
    { secrets: {} },
    'env.A',
    /neither is there/,
  ],
  ['a default', { env: { A: '${secret:KEY:-no}' } }, {}, 'env.A', /default is not possible/],
  ['no name', { env: { A: '${claims.}' } }, {}, 'env.A', /no name/],
  ['an argument', { args: ['${secret:KEY}'] }, {}, 'args[0]', /env and headers only/],
  ['a folder', { cwd: '${claims.sub}' }, {}, 'cwd', /env and headers only/],
  [
    'a port beside it',
    { transport: 'http', env: { A: '${claims.sub}:${PORT}' } },
    {},
    'env.A',
    /PORT.*beside a credential/,
  ],
  [
    'the port itself',
    { transport: 'http', env: { PORT: '${claims.sub}' } },
    {},
    'env.PORT',
    /Berth sets PORT/,
  ],
  [
    'a login',
    { credentialHeaders: ['Authorization'] },
    {},
    'credentialHeaders[0]',
    /X-Server-Authorization/,
  ],
  [
    'a header of MCP',
    { credentialHeaders: ['Mcp-Session-Id'] },
    {},
    'credentialHeaders[0]',
    /needed for other things/,
  ],
  [
    'no header',
    { credentialHeaders: ['a b'] },
    {},
    'credentialHeaders[0]',
    /no name that a header/,
  ],
]

for (const [what, server, top, at, says] of rows) {
  test(`is refused with its path: ${what}`, (t) => {
    const found = problemsIn(inputWith(t, server, top))
    assert.match(found[`mcpServers.demo.${at}`] ?? JSON.stringify(found), says)
    assert.doesNotMatch(JSON.stringify(found), /hush/)
  })
}

test('a file of secrets is for its owner alone, and has to be right', (t) => {
  const open = inputWith(t, {}, {}, 0o640)
  const file = path.join(open.root, 'project/secrets.yaml')
  assert.equal(
    problemsIn(open)['secrets.file'],
    `is open to others (mode 640). Run: chmod 600 ${file}`,
  )
  const bad = (text: string) =>
    problemsOf(t, withServer({}, { secrets: { file: 's' } }), { files: { 'project/s': text } })
  assert.match(bad('')['secrets.file'] ?? '', /chmod 600/)
  const missing = problemsOf(t, withServer({}, { secrets: { file: 'no' } }))
  assert.match(missing['secrets.file'] ?? '', /cannot be read \(ENOENT\)/)
})

test('variables that are named and programs have to be there', (t) => {
  const found = problemsOf(
    t,
    withServer({}, { secrets: { fromEnv: ['GONE', 'HERE'], command: ['./gone.sh'] } }),
    { env: { HERE: 'hush', PATH: '' } },
  )
  assert.deepEqual(Object.keys(found), ['secrets.fromEnv[0]', 'secrets.command'])
  const ofFile = { file: './secrets.yaml', fromEnv: ['KEY'] }
  const inFile = inputWith(t, { env: { A: '${secret:KEY}' } }, { secrets: ofFile })
  assert.deepEqual(loadConfig(inFile).secrets.shared, {}, 'the file has it')
  const secrets = { fromEnv: ['HERE'], command: ['./secret-of.sh', 'x'], userKey: 'email' }
  const config = load(t, withServer({ env: { A: '${secret:HERE}' } }, { secrets }), {
    env: { HERE: 'hush', BERTH_LOG_LEVEL: 'info', PATH: '' },
    files: { 'project/secret-of.sh': '#!/bin/sh\n' },
  }).secrets
  assert.deepEqual(
    [config.shared, config.userKey, config.file],
    [{ HERE: 'hush' }, 'email', undefined],
  )
  assert.match(config.command?.words.join(' ') ?? '', /^\/.*project\/secret-of\.sh x$/)
  assert.deepEqual(Object.keys(config.command?.env ?? {}).sort(), ['HERE', 'HOME', 'PATH'])
})

test('workers in a sandbox do not see the file, by whatever name; others are warned of', (t) => {
  const input = inputWith(t, { isolation: 'sandbox' }, { secrets: { file: 'link' } })
  symlinkSync('secrets.yaml', path.join(input.root, 'project/link'))
  const config = loadConfig(input)
  const names = launchOf(config).sandbox.hidden.map((file) => path.basename(file))
  assert.deepEqual(names, ['berth.yaml', 'link', 'secrets.yaml'])
  assert.doesNotMatch(config.warnings.join(), /secrets/)
  assert.match(
    loadConfig(inputWith(t, {})).warnings.join(),
    /Workers of demo .*can read all of secrets\.file/,
  )
})

test('users of several providers who may share a name are warned of', (t) => {
  const env = { A: '${userSecret:TOKEN}' }
  const idp = 'https://idp.example.com/.well-known/openid-configuration'
  const own = { customJWTAuthorizer: { discoveryUrl: idp, allowedClients: ['c'] } }
  const mcpServers = {
    a: { command: 'node', env },
    b: { command: 'node', env, authorizerConfiguration: own },
  }
  assert.match(
    loadConfig(inputWith(t, {}, { mcpServers })).warnings.join(),
    /a and b have users of several providers.*known by sub alone/,
  )
})

test('the description says what a server takes, and no value', (t) => {
  const env = { A: '${claims.sub}', B: '${secret:KEY} ${claims.sub}', C: '${userSecret:TOKEN}' }
  const line = describeServer(serverOf(loadConfig(inputWith(t, { env }))))
  assert.match(
    line,
    /takes \$\{claims\.sub\}, \$\{secret:KEY\} and \$\{userSecret:TOKEN\} for each session/,
  )
  assert.doesNotMatch(line, /hush/)
})
