import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Finding, Trials } from '../../../src/workers/doctor/findings.ts'
import { findingsOf, summaryOf } from '../../../src/workers/doctor/findings.ts'
import type { Enforcement } from '../../../src/workers/driver.ts'
import { settings } from './settings.ts'

const groups: Enforcement[] = [
  { limit: 'memory', by: 'cgroup v2' },
  { limit: 'openFiles', by: 'rlimit (ulimit -n)' },
]

/** Of a machine that can do everything, but for what is given. */
function trials(given: Partial<Trials> = {}): Trials {
  return {
    platform: 'linux',
    architecture: 'x64',
    settings: settings(),
    namespace: { prefix: [], enter: [], own: true, why: '' },
    userNamespaceProblem: '',
    bwrap: '/usr/bin/bwrap',
    support: {
      available: true,
      tools: {
        bwrap: '/usr/bin/bwrap',
        mountNamespace: ['unshare'],
        overlay: '',
        seccompFile: '/f',
        uid: 1000,
        gid: 1000,
      },
      missing: [],
    },
    hasFilter: true,
    networkProblem: '',
    outboundProblem: '',
    slirp: '/usr/bin/slirp4netns',
    tun: 'usable',
    limits: groups,
    installer: 'dnf install',
    ...given,
  }
}

const states = (findings: Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ feature, state }) => [feature, state]))

function finding(given: Partial<Trials>, feature: string): Finding {
  const found = findingsOf(trials(given)).find((each) => each.feature === feature)
  assert.ok(found)
  return found
}

test('a machine that can do everything has it all, and needs no command', () => {
  const findings = findingsOf(trials())
  assert.deepEqual(new Set(Object.values(states(findings))), new Set(['yes']))
  assert.deepEqual(
    findings.flatMap(({ helps }) => helps),
    [],
  )
  assert.equal(
    summaryOf(findings, 'linux'),
    'Here a server can have isolation: process (no wall) or sandbox (a wall; network: host, none or private), and limits: memory and openFiles.',
  )
})

test('what a sandbox is made of is weaker where it does without', () => {
  const { support } = trials()
  assert.ok(support.available)
  const missing = ['No overlay mounts (mount: wrong fs type): the working folder is read-only.']
  const findings = findingsOf(
    trials({
      architecture: 'riscv64',
      hasFilter: false,
      support: { ...support, tools: { ...support.tools, overlay: null }, missing },
    }),
  )
  const { 'overlay mounts': overlay, 'system call filter': filter, sandbox } = states(findings)
  assert.deepEqual([overlay, filter, sandbox], ['weaker', 'weaker', 'yes'])
})

test('what is not installed is installed in the way of this system', () => {
  const missing = { bwrap: undefined, support: { available: false, why: 'it is not' } as const }
  assert.deepEqual(finding(missing, 'sandbox').helps, ['sudo dnf install bubblewrap'])
  const { helps, reason } = finding(
    { slirp: undefined, settings: settings({ isRoot: true }) },
    'outbound',
  )
  assert.deepEqual([helps, reason], [['dnf install slirp4netns'], 'slirp4netns is not installed'])
})

test('a cause is told once, where it is', () => {
  const why = 'unshare: unshare failed: No space left on device'
  const given = {
    settings: settings({ maxUserNamespaces: 0 }),
    namespace: { prefix: [], enter: [], own: false, why },
    userNamespaceProblem: why,
    support: { available: false, why: `no PID namespace: ${why}` } as const,
  }
  assert.match(
    finding(given, 'process trees').reason,
    /for a while: user\.max_user_namespaces is 0/,
  )
  assert.equal(finding(given, 'process trees').state, 'weaker')
  assert.equal(finding(given, 'sandbox').reason, 'it takes process trees and user namespaces')
  assert.deepEqual(finding(given, 'sandbox').helps, [])
})

test('a sandbox that is refused tells the cause and not to ask the doctor', () => {
  const why =
    'bwrap: setting up uid map: Permission denied (user namespaces are not allowed; mcp-berth doctor tells what helps)'
  const support = { available: false, why } as const
  assert.equal(
    finding({ support }, 'sandbox').reason,
    'bwrap: setting up uid map: Permission denied',
  )
})

test('everything that keeps a network from leading out is told at once', () => {
  const { reason, helps } = finding(
    { slirp: undefined, tun: 'missing', networkProblem: 'bwrap: loopback: Failed' },
    'outbound',
  )
  assert.match(
    reason,
    /slirp4netns.*; and there is no \/dev\/net\/tun; and it takes private networks/,
  )
  assert.deepEqual(helps, ['sudo dnf install slirp4netns', 'sudo modprobe tun'])
  assert.deepEqual(finding({ tun: 'refused' }, 'outbound').helps, ['sudo chmod 0666 /dev/net/tun'])
  const container = { tun: 'missing', settings: settings({ isContainer: true }) } as const
  assert.match(
    finding(container, 'outbound').helps[0] ?? '',
    /^docker run --device \/dev\/net\/tun/,
  )
  assert.equal(
    summaryOf(findingsOf(trials({ tun: 'refused' })), 'linux'),
    'Here a server can have isolation: process (no wall) or sandbox (a wall; network: host, none or private with outbound: false), and limits: memory and openFiles.',
  )
})

test('macOS runs the process driver, says why the rest is missing, and has no commands of Linux', () => {
  const findings = findingsOf(
    trials({
      platform: 'darwin',
      settings: settings({ hasUserNamespaces: false }),
      namespace: { prefix: [], enter: [], own: false, why: 'darwin has no PID namespaces' },
      userNamespaceProblem: 'darwin has none',
      bwrap: undefined,
      slirp: undefined,
      tun: 'missing',
      support: { available: false, why: 'darwin has none; it needs Linux' },
      limits: [
        { limit: 'memory', by: null, why: 'darwin has no cgroups: run the gateway on Linux' },
        { limit: 'openFiles', by: 'rlimit (ulimit -n)' },
      ],
    }),
  )
  const { 'limits.openFiles': openFiles, 'process trees': trees, ...others } = states(findings)
  assert.deepEqual([openFiles, trees], ['yes', 'weaker'])
  assert.deepEqual(new Set(Object.values(others)), new Set(['no']))
  assert.deepEqual(
    findings.flatMap(({ helps }) => helps),
    [],
  )
  assert.equal(
    summaryOf(findings, 'darwin'),
    'On darwin Berth runs the process driver, which is no wall, with limits: openFiles; all else needs Linux.',
  )
})
