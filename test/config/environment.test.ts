import assert from 'node:assert/strict'
import test from 'node:test'

import { launchOf, load, problemsOf, serverOf, withServer } from './in-folder.ts'

const usual = {
  ...{ PATH: '/bin', HOME: '/h', USER: 'u', LOGNAME: 'u', SHELL: '/bin/sh', LANG: 'C' },
  ...{ LC_ALL: 'C', LC_TIME: 'C', TZ: 'UTC', TERM: 'dumb' },
  ...{ http_proxy: 'p', https_proxy: 'p', no_proxy: 'p', all_proxy: 'p' },
  ...{ HTTP_PROXY: 'p', HTTPS_PROXY: 'p', NO_PROXY: 'p', ALL_PROXY: 'p' },
  ...{ SSL_CERT_FILE: 'c', SSL_CERT_DIR: 'c', NODE_EXTRA_CA_CERTS: 'c' },
  ...{ REQUESTS_CA_BUNDLE: 'c', CURL_CA_BUNDLE: 'c' },
}
/** What every worker gets, set here or not. */
const always = { PYTHONUNBUFFERED: '1' }
const rest = {
  ...{ AWS_KEY: 'k', AWS_REGION: 'r', GITHUB_TOKEN: 'g', OTHER: 'o', LC: 'x', PATHS: 'x' },
  ...{ BERTH_LOG_LEVEL: 'info', TMPDIR: '/t', NODE_OPTIONS: '--inspect', LD_PRELOAD: 'x' },
}

test('a worker gets the usual variables and nothing else', (t) => {
  const config = load(t, withServer(), { env: { ...usual, ...rest } })
  assert.deepEqual(serverOf(config).env, { ...usual, ...always })
})

test('passEnv adds names and beginnings', (t) => {
  const passEnv = ['AWS_*', 'GITHUB_TOKEN', 'NOT_SET', 'BERTH_*', 'TMPDIR']
  const config = load(t, withServer({ passEnv }), { env: { ...usual, ...rest } })
  assert.deepEqual(serverOf(config).env, {
    ...usual,
    ...always,
    ...{ AWS_KEY: 'k', AWS_REGION: 'r', GITHUB_TOKEN: 'g' },
  })
  const found = problemsOf(t, withServer({ passEnv: ['*', 'A=b', 'A_*_B'] }))
  assert.equal(Object.keys(found).length, 3)
  assert.match(
    found['mcpServers.demo.passEnv[0]'] ?? '',
    /its beginning with \*\. Example: passEnv: \[AWS_\*\]/,
  )
})

test('envFile beats passEnv, and env beats envFile', (t) => {
  const server = { passEnv: ['A', 'B', 'C'], envFile: '.env', env: { C: 'env', D: '${FROM_FILE}' } }
  const config = load(t, withServer(server), {
    env: { ...usual, A: 'gateway', B: 'gateway', C: 'gateway' },
    files: { 'project/.env': 'B=file\nC=file\nFROM_FILE=x\n' },
  })
  const { A, B, C, D } = serverOf(config).env
  assert.deepEqual({ A, B, C, D }, { A: 'gateway', B: 'file', C: 'env', D: 'x' })
})

test("a placeholder takes the gateway's variable before that of envFile", (t) => {
  const files = { 'project/.env': 'X=file\n' }
  const server = { envFile: '.env', env: { Y: '${X}' } }
  const config = load(t, withServer(server), { env: { ...usual, X: 'gateway' }, files })
  assert.equal(serverOf(config).env.Y, 'gateway')
})

test('null takes a variable away; numbers and truth values become texts', (t) => {
  const server = { env: { LANG: null, N: 5, T: true } }
  const { env } = serverOf(load(t, withServer(server), { name: 'p/x.json', env: usual }))
  assert.deepEqual([env.LANG, env.N, env.T, env.HOME], [undefined, '5', 'true', '/h'])
  const found = problemsOf(t, withServer({ env: { A: ['x'], B: {} } }))
  assert.match(found['mcpServers.demo.env.A'] ?? '', /found a list, expected a text/)
  assert.match(found['mcpServers.demo.env.B'] ?? '', /found a map/)
  const bad = problemsOf(t, withServer({ env: { 'A=B': 'x' } }))
  assert.match(Object.values(bad).join(), /no name that a variable can have/)
})

test('what every session is given cannot be set', (t) => {
  const server = { env: { TMPDIR: '/x', BERTH_WORKSPACE: '/y', A: 'b' } }
  const { servers, warnings } = load(t, withServer(server), { env: usual })
  assert.match(
    warnings.join('\n'),
    /sets BERTH_WORKSPACE and TMPDIR in env, but every session is given its own/,
  )
  assert.deepEqual(servers[0]?.env, { ...usual, ...always, A: 'b' })
})

test('an envFile that is not there, or has a line that is none, is named', (t) => {
  const gone = problemsOf(t, withServer({ envFile: 'no.env' }))
  assert.match(gone['mcpServers.demo.envFile'] ?? '', /no\.env cannot be read \(ENOENT\)/)
  const files = { 'project/.env': 'A=1\n\nhush hush\n' }
  const bad = problemsOf(t, withServer({ envFile: '.env' }), { files })
  assert.match(bad['mcpServers.demo.envFile'] ?? '', /^line 3 of \.env is not NAME=value/)
})

test('what Python prints is seen at once, unless it is said otherwise', (t) => {
  const valueOf = (server: object, env = {}, files = {}): string | undefined =>
    serverOf(load(t, withServer(server), { env: { ...usual, ...env }, files })).env.PYTHONUNBUFFERED
  assert.equal(valueOf({}, { PYTHONUNBUFFERED: '' }), '1', 'the own one is not handed on')
  assert.equal(valueOf({ passEnv: ['PYTHON*'] }, { PYTHONUNBUFFERED: '' }), '')
  assert.equal(valueOf({ env: { PYTHONUNBUFFERED: '0' } }), '0')
  assert.equal(valueOf({ env: { PYTHONUNBUFFERED: null } }), undefined)
  assert.equal(valueOf({ envFile: '.env' }, {}, { 'project/.env': 'PYTHONUNBUFFERED=x\n' }), 'x')
})

test('what the gateway has and a worker does not get is known by name alone', (t) => {
  const own = { OTHER: 'o', PWD: '/', SHLVL: '1', BERTH_LOG_LEVEL: 'info', npm_config_x: 'x' }
  const config = load(t, withServer({ passEnv: ['AWS_*'] }), {
    env: { ...usual, ...own, AWS_KEY: 'k', SECRET: 'hidden' },
  })
  assert.deepEqual(launchOf(config).origin, { isCommandLine: false, withheld: ['OTHER', 'SECRET'] })
})
