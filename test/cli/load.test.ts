import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import {
  commandWords,
  durationValue,
  profileValue,
  rateValue,
  wholeValue,
} from '../../src/cli/load-values.ts'
import type { LoadReport } from '../../src/load/report/report.ts'
import { initLocalIssuer } from '../../src/auth/local-issuer.ts'
import { readScenario } from '../../src/load/scenario.ts'
import { startTestGateway } from '../support/gateway.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { processesWith } from '../support/processes.ts'
import { tempDir } from '../support/temp.ts'
import { toy } from '../load/rig.ts'
import { place } from './berth.ts'

const refusals: [args: string[], says: RegExp][] = [
  [['http://192.0.2.1/mcp'], /192\.0\.2\.1 is not on this machine\..*--i-own-this-target/],
  [['--require', 'walls'], /--require takes sandbox or private-network, not walls/],
  [['--users', '2', '--tokens', 'x'], /--tokens and --token-command are for a gateway at a URL/],
  [['http://127.0.0.1:1/mcp', '--tokens', 'x'], /Say with --users N how many/],
  [
    ['http://192.0.2.1/mcp', '--i-own-this-target', '--users', '2'],
    /tokens of the local issuer stay on this machine/,
  ],
  [['http://127.0.0.1:1/mcp', '--users', '2'], /no local issuer in .*identity init/],
  [['http://127.0.0.1:1/mcp'], /nothing listens at 127\.0\.0\.1:1\. Start it first/],
  [['--profile', 'x.yaml'], /--profile x\.yaml cannot be read, because it does not exist\./],
  [
    ['http://127.0.0.1:1/mcp', '--users', '2', '--tokens', 'x'],
    /--tokens x cannot be read, because it does not exist\./,
  ],
  [['--report', 'no/x.html'], /--report no\/x\.html cannot .* the folder no does not exist\./],
  [['--junit', '.'], /--junit \. is a folder: name a file in it\./],
  [['--self-test', '--report', 'x.html'], /name its URL, or berth/],
]

test('what makes no sense is refused, and nobody outside of this machine is hurt', async (t) => {
  const { berth } = place(t)
  await Promise.all(
    refusals.map(async ([args, says]) => {
      const { code, stdout, stderr } = await berth(['load', ...args])
      assert.equal(code, 2, args.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, says)
    }),
  )
})

test('values are read in the units that people write, and refused by name', () => {
  assert.deepEqual(
    ['60s', '500ms', '1.5m', '2', undefined].map((text) => durationValue('duration', text)),
    [60_000, 500, 90_000, 2000, undefined],
  )
  assert.throws(() => durationValue('duration', '1 week'), /takes a time such as 60s/)
  assert.deepEqual(
    ['500/s', '2.5', 'max', undefined].map((text) => rateValue(text, 7)),
    [500, 2.5, null, 7],
  )
  assert.throws(() => rateValue('fast', 1), /--rate takes exchanges a second such as 500\/s/)
  assert.equal(profileValue(undefined), 'mixed')
  assert.throws(() => profileValue('mixd'), /There is no profile mixd\./)
  assert.throws(() => wholeValue('sessions', '0', [1, 9]), /a whole number from 1 to 9, not 0/)
  assert.deepEqual(commandWords(`mint --sub {sub} "a b" 'c'`), [
    'mint',
    '--sub',
    '{sub}',
    'a b',
    'c',
  ])
})

test('a server that is not the probe gets a scenario to begin with', async (t) => {
  const gateway = await startTestGateway(t, {
    trips: { command: ['node', compiled('src/demo/trip-planner.js')] },
  })
  const { berth } = place(t)
  const { code, stdout, stderr } = await berth(['load', gateway.mcp('trips')])
  assert.equal(code, 2)
  assert.match(stderr, /save it, change it, and give it with --profile/)
  assert.deepEqual(
    readScenario(stdout, 'x.yaml').map(({ name }) => name),
    ['plan_trip', 'list_trips', 'whoami'],
  )
})

test('without a URL it tests a Berth of its own, and leaves nothing behind', async (t) => {
  const { berth, folder } = place(t)
  const args = [
    '--sessions',
    '3',
    '--users',
    '2',
    '--calls',
    '6',
    '--rate',
    'max',
    '--isolation',
    'process',
    '--no-break-outs',
  ]
  const files = ['--report', 'load.html', '--junit', 'load.xml']
  const { code, stdout, stderr } = await berth(['load', ...args, ...files])
  assert.equal(code, 0, stdout + stderr)
  assert.match(
    stdout,
    /Separation: PASS\n {2}3 sessions, 3 canaries, .* searched, \d+ answers matched/,
  )
  // With POST and with GET.
  assert.match(
    stdout,
    /2 users: 6 attempts to use an id with the token of another, 6 refused as unknown ids are\./,
  )
  assert.match(readFileSync(join(folder, 'load.html'), 'utf8'), /<strong>PASS<\/strong>/)
  assert.match(readFileSync(join(folder, 'load.xml'), 'utf8'), /<testsuites tests="1" failures="0"/)
  const said = [
    stdout,
    stderr,
    ...['load.html', 'load.xml'].map((file) => read(join(folder, file))),
  ]
  assert.doesNotMatch(said.join('\n'), /eyJ/, 'a token is shown')
})

test('kill -9 of the test ends its Berth, too', async (t) => {
  const { start } = place(t)
  const temporary = tempDir(t)
  const args = ['--sessions', '2', '--isolation', 'process', '--no-break-outs']
  const running = start(['load', ...args], { env: { TMPDIR: temporary } })
  await running.says(/started Berth with its probe/)
  assert.notDeepEqual(processesWith(temporary), [])
  running.child.kill('SIGKILL')
  await running.done
  await eventually(() => assert.deepEqual(processesWith(temporary), []))
})

const read = (file: string): string => readFileSync(file, 'utf8')

test('the local issuer of a running Berth has tokens for all users', async (t) => {
  const stateDir = tempDir(t)
  await initLocalIssuer(stateDir, 'http://127.0.0.1/identity')
  const gateway = await startTestGateway(
    t,
    { probe: { command: ['node', compiled('src/load/probes/isolation-probe.js')] } },
    { stateDir, authorization: { global: 'local' } },
  )
  const { berth } = place(t)
  const args = ['--sessions', '2', '--calls', '2', '--profile', 'calls', '--no-break-outs']
  const url = gateway.mcp('probe')
  const [known, unknown] = await Promise.all([
    berth(['load', url, ...args, '--users', '2', '--state-dir', stateDir]),
    berth(['load', url, ...args]),
  ])
  assert.equal(known.code, 0, known.stdout + known.stderr)
  assert.match(known.stdout, /2 users: 4 attempts .* 4 refused/)
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /http 401\. It wants a token .*--users N/)
})

test('a gateway that mixes up its sessions fails, on stdout as JSON', async (t) => {
  const url = await toy(t, 'shared-worker')
  const { berth, folder } = place(t)
  const args = ['--sessions', '8', '--calls', '40', '--rate', 'max', '--profile', 'calls', '--json']
  const { code, stdout } = await berth(['load', url, ...args, '--no-break-outs'])
  assert.equal(code, 1)
  const report = JSON.parse(stdout) as LoadReport
  assert.equal(report.verdict, 'FAIL')
  assert.ok(report.separation.leakCount > 0)
  assert.equal(report.separation.ownership, 'one principal: ownership not tested')
  assert.equal(existsSync(join(folder, 'load.html')), false)
})

test('spreads sessions over users with tokens, and over processes', async (t) => {
  const url = await toy(t)
  const { berth, put } = place(t)
  const tokens = put('tokens.txt', 'one\ntwo\nthree\n')
  const args = [
    '--sessions',
    '6',
    '--calls',
    '60',
    '--rate',
    'max',
    '--users',
    '3',
    '--workers',
    '2',
  ]
  const { code, stdout, stderr } = await berth([
    ...['load', url, ...args],
    ...['--tokens', tokens, '--no-break-outs', '--json'],
  ])
  assert.equal(code, 0, stderr)
  const { separation, configuration } = JSON.parse(stdout) as LoadReport
  assert.match(separation.ownership, /^3 users: \d+ attempts to use an id .* refused/)
  assert.equal(separation.channels.ownership, separation.sessions)
  assert.equal(configuration['processes of the driver'], '2')
})

test('tests itself', async (t) => {
  const { berth } = place(t)
  const { code, stdout, stderr } = await berth([
    'load',
    '--self-test',
    '--sessions',
    '6',
    '--calls',
    '80',
  ])
  assert.equal(code, 0, stderr)
  assert.equal(stdout.match(/found out/g)?.length, 6)
  assert.match(stdout, /whoever has it: found out \(session \d+ answered another user: POST with/)
  assert.match(stdout, /✓ a sound gateway, which has to pass: let pass/)
})
