import assert from 'node:assert/strict'
import { linkSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import { folderOf, launchOf, load, problemsOf, serverOf, withServer } from './in-folder.ts'

const only = (problems: Record<string, string>): string => Object.values(problems).join('\n')
const sandbox = { isolation: 'sandbox' }

test('a sandbox and its network arrive, and mounts are seen from the file', (t) => {
  const mounts = [
    { from: './data', write: true },
    { from: '~/notes', to: '/notes' },
    { from: '../${env:AREA}', to: './in' },
  ]
  const files = { 'project/data/.keep': '', 'home/notes/.keep': '', 'north/.keep': '' }
  const config = load(t, withServer({ ...sandbox, network: 'private', outbound: false, mounts }), {
    env: { AREA: 'north' },
    files,
  })
  const base = path.dirname(config.file ?? '')
  const found = launchOf(config).sandbox
  assert.equal(serverOf(config).driver, 'sandbox')
  assert.deepEqual([found.network, found.outbound], ['private', false])
  const [data, notes, area] = found.mounts
  assert.deepEqual(data, {
    from: path.join(base, 'data'),
    to: path.join(base, 'data'),
    write: true,
  })
  assert.match(notes?.from ?? '', /\/home\/notes$/)
  assert.deepEqual([notes?.to, notes?.write], ['/notes', false])
  const north = path.join(path.dirname(base), 'north')
  assert.deepEqual(area, { from: north, to: path.join(base, 'in'), write: false })
})

test('the file itself and its envFile are hidden: they hold secrets', (t) => {
  const files = { 'project/x.env': 'A=1\n' }
  const config = load(t, withServer({ ...sandbox, envFile: 'x.env' }), { files })
  const names = launchOf(config).sandbox.hidden.map((file) => path.basename(file))
  assert.deepEqual(names, ['berth.yaml', 'x.env'])
})

test('limits are read in units and numbers, by server and by default', (t) => {
  const limits = { memory: '512MiB', cpus: 0.5, pids: 256, disk: '1GiB', openFiles: 1024 }
  const read = {
    memoryBytes: 512 * 1024 ** 2,
    cpus: 0.5,
    pids: 256,
    diskBytes: 1024 ** 3,
    openFiles: 1024,
  }
  assert.deepEqual(launchOf(load(t, withServer({ limits }))).limits, read)
  const own = { limits: { memory: 1000 } }
  const both = load(t, withServer(own, { defaults: { limits, requireLimits: true } }))
  assert.deepEqual(launchOf(both).limits, { ...read, memoryBytes: 1000 })
  assert.equal(serverOf(both).requireLimits, true)
})

test('what is no limit is named with an example', (t) => {
  for (const [limits, message] of [
    [{ memory: 'much' }, /limits\.memory|expected a size such as 512MiB/],
    [{ disk: '1G' }, /expected a size such as 512MiB/],
    [{ cpus: 0 }, /expected a number of cores, such as 0\.5/],
    [{ pids: 3 }, /expected a whole number from 16/],
    [{ openFiles: 'x' }, /expected a whole number from 64/],
    [{ memroy: 1 }, /unknown key\. Did you mean memory\?/],
  ] as const) {
    assert.match(only(problemsOf(t, withServer({ limits }))), message)
  }
})

test('a mount of what is not there is named', (t) => {
  const found = problemsOf(t, withServer({ ...sandbox, mounts: [{ from: './nowhere' }] }))
  assert.match(
    found['mcpServers.demo.mounts[0].from'] ?? '',
    /there is no \.\/nowhere \(seen from /,
  )
})

test('what only a sandbox has is refused without one', (t) => {
  assert.match(
    only(problemsOf(t, withServer({ network: 'private' }))),
    /network: private can only be had with isolation: sandbox/,
  )
  assert.match(
    only(problemsOf(t, withServer({ network: 'none', mounts: [{ from: '.' }] }))),
    /network: none and mounts can only be had with isolation: sandbox/,
  )
})

test('isolation can be a default, and a url server is what it is all the same', (t) => {
  const servers = { a: { command: 'node' }, b: { url: 'http://127.0.0.1:1/mcp' } }
  const config = load(t, { mcpServers: servers, defaults: { isolation: 'sandbox' } })
  assert.deepEqual(
    config.servers.map(({ driver }) => driver),
    ['sandbox', 'remote'],
  )
})

test('what sessions of a sandbox do not share is not warned of', (t) => {
  const fixed = { transport: 'http', port: 8000 }
  const said = (server: object): string => load(t, withServer(server)).warnings.join('\n')
  assert.match(said(fixed), /work in the same folder[^]*has a fixed port/)
  assert.equal(said({ ...fixed, ...sandbox, network: 'private' }), '')
  assert.match(said({ ...fixed, ...sandbox }), /^demo has a fixed port/)
})

test('a disk as large as the memory that it is made of is warned of', (t) => {
  const warned = (disk: string): string =>
    load(t, withServer({ ...sandbox, limits: { memory: '64MiB', disk } })).warnings.join('\n')
  assert.match(warned('64MiB'), /it will be killed before its disk is full/)
  assert.equal(warned('32MiB'), '')
})

test('mounts that would show what is hidden, or could be made to, are refused by their place', (t) => {
  const files = { 'project/x.env': 'A=1\n', 'project/data/sub/.keep': '', 'shared/in/.keep': '' }
  const other = { command: 'node', ...sandbox, envFile: 'x.env' }
  const mount = { from: '../shared', to: '/shared', write: true }
  const problems = (mounts: object[], more: object = {}): Record<string, string> =>
    problemsOf(
      t,
      { mcpServers: { demo: { command: 'node', ...sandbox, mounts }, other }, ...more },
      { files },
    )
  const at = (index: number): string => `mcpServers.demo.mounts[${index}].from`
  assert.match(problems([{ from: '.' }], { stateDir: './state' })[at(0)] ?? '', /state directory/)
  assert.match(problems([{ from: '.', write: true }])[at(0)] ?? '', /write: true a worker could/)
  assert.match(problems([{ from: 'x.env' }])[at(0)] ?? '', /it holds secrets/)
  assert.match(problems([mount, { from: '../shared/in' }])[at(1)] ?? '', /where workers may write/)
  assert.match(problems([{ from: '/proc/self' }])[at(0)] ?? '', /the kernel's/)
})

test('a file with secrets that has a second name is refused where there is a sandbox', (t) => {
  const folder = folderOf(t, { 'x.env': 'A=1\n' })
  const envFile = path.join(folder, 'x.env')
  linkSync(envFile, path.join(folder, 'copy.env'))
  assert.match(only(problemsOf(t, withServer({ ...sandbox, envFile }))), /x\.env has a second name/)
  load(t, withServer({ envFile }))
})

test('what holds secrets of one server is hidden from each', (t) => {
  const files = { 'project/x.env': 'A=1\n', 'project/key.pem': '', 'project/password': 'p' }
  const store = {
    kind: 'redis',
    url: 'rediss://127.0.0.1:6379/0',
    password: '${file:password}',
    tls: { certFile: 'key.pem', keyFile: 'key.pem' },
  }
  const other = { command: 'node', envFile: 'x.env' }
  const config = load(
    t,
    { mcpServers: { demo: { command: 'node', ...sandbox }, other }, store },
    { files },
  )
  const names = launchOf(config).sandbox.hidden.map((file) => path.basename(file))
  assert.deepEqual(names.sort(), ['berth.yaml', 'key.pem', 'password', 'x.env'])
})
