import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import type { SetLimit } from '../../src/cli/limit-lines.ts'
import { limitLines } from '../../src/cli/limit-lines.ts'
import { authorizerLines, isolationLines } from '../../src/cli/serve-screen.ts'
import type { SessionView } from '../../src/cli/session-lines.ts'
import { sessionLines } from '../../src/cli/session-lines.ts'
import type { Probe } from '../../src/workers/driver.ts'

const memory: SetLimit = { limit: 'memory', value: 512 * 1024 ** 2, by: 'cgroup v1' }
const cpus: SetLimit = { limit: 'cpus', value: 1, by: 'cgroup v1' }
const pids: SetLimit = { limit: 'pids', value: 256, by: 'cgroup v1' }
const openFiles: SetLimit = { limit: 'openFiles', value: 1024, by: 'rlimit' }
const disk: SetLimit = { limit: 'disk', value: 1024 ** 3, by: null, why: 'no wall; take a sandbox' }
const lacking = (limit: SetLimit, why: string): SetLimit => ({ ...limit, by: null, why })

const plain = { dim: (text: string) => text, yellow: (text: string) => text }

for (const [what, limits, lines] of [
  ['no limits', [], []],
  [
    'all of them',
    [memory, cpus, pids, openFiles, disk],
    [
      '  limits: 512MiB of memory, 1 core and 256 processes by cgroup v1, 1024 open files by rlimit',
      '  not enforced: 1GiB of disk (no wall; take a sandbox)',
    ],
  ],
  ['one alone', [{ ...cpus, value: 0.5 }], ['  limits: 0.5 cores by cgroup v1']],
  [
    'none that is enforced',
    [lacking(memory, 'no cgroups'), lacking(cpus, 'no cgroups'), disk],
    [
      '  not enforced: 512MiB of memory and 1 core (no cgroups)',
      '  not enforced: 1GiB of disk (no wall; take a sandbox)',
    ],
  ],
] as const) {
  test(`what enforces limits is said by its means, what does not by its reason: ${what}`, () => {
    assert.deepEqual(limitLines(limits, plain), lines)
  })
}

const out = new Writable()
const here: Probe = { available: true, how: 'in a sandbox', missing: ['No seccomp.'] }
const apart: Probe = { available: true, how: 'in a network of its own', missing: ['No seccomp.'] }
const bare: Probe = { available: true, how: 'no wall', missing: [] }

for (const [what, servers, lines] of [
  ['one', { a: ['process', bare] }, ['isolation process: no wall']],
  [
    'two alike',
    { a: ['sandbox', here], b: ['sandbox', { ...here }] },
    ['isolation sandbox: in a sandbox', 'No seccomp.'],
  ],
  [
    'three of two kinds, and another driver',
    { a: ['sandbox', here], p: ['process', bare], b: ['sandbox', apart], c: ['sandbox', here] },
    [
      'isolation sandbox of a, c: in a sandbox',
      'isolation process: no wall',
      'isolation sandbox of b: in a network of its own',
      'No seccomp.',
    ],
  ],
  [
    'one that cannot be had',
    { a: ['sandbox', { available: false, why: 'no bwrap' }] },
    ['isolation sandbox: cannot be had here: no bwrap'],
  ],
] as const) {
  test(`servers that are isolated alike share a line: ${what}`, () => {
    const entries = Object.entries<readonly [string, Probe]>(servers)
    const probes = new Map(entries.map(([name, [, probe]]) => [name, probe]))
    const listed = entries.map(([name, [driver]]) => ({ name, driver }))
    assert.deepEqual(isolationLines(listed, { probes }, out), lines)
  })
}

test('who is let in is said once, or for each server where they differ', () => {
  const customJWTAuthorizer = { discoveryUrl: 'https://idp/.well-known/openid-configuration' }
  assert.deepEqual(authorizerLines({ a: 'none', b: 'none' }), [])
  assert.deepEqual(authorizerLines({ a: { customJWTAuthorizer }, b: { customJWTAuthorizer } }), [
    'lets in: whoever has a token of https://idp/.well-known/openid-configuration',
  ])
  assert.deepEqual(authorizerLines({ a: 'local', b: 'none', c: 'local' }), [
    'lets in to a, c: whoever has a token of the local issuer',
    'lets in to b: everybody',
  ])
})

const session: SessionView = {
  handle: 'ab12cd34',
  server: 'one',
  principal: 'anonymous',
  state: 'live',
  workerId: '0123456789abcdef',
  openedAt: '2026-01-01T00:00:00.000Z',
  maxEndsAt: '2026-01-01T08:00:00.000Z',
  openExchanges: 0,
}

test('a session shows its limits and what it used', () => {
  const lines = sessionLines({
    ...session,
    limits: [memory, openFiles, disk],
    usage: { cpuMs: 1250, peakMemoryBytes: 43.1 * 1024 ** 2, processes: 1, writtenBytes: 0 },
  })
  const [limits, missing, used] = lines.slice(-3)
  assert.match(limits ?? '', /^limits +512MiB of memory by cgroup v1, 1024 open files by rlimit$/)
  assert.match(missing ?? '', /^not enforced +1GiB of disk \(no wall; take a sandbox\)$/)
  assert.match(
    used ?? '',
    /^used +1\.25 s of CPU, at most 43\.1MiB of memory, 1 process, 0B written$/,
  )
})

test('of a session nothing is shown that is not known', () => {
  const lines = sessionLines(session).join('\n')
  assert.doesNotMatch(lines, /^(limits|not enforced|used)/m)
  assert.match(
    sessionLines({ ...session, usage: { cpuMs: 40 } }).at(-1) ?? '',
    /^used +0\.04 s of CPU$/,
  )
})

test('a session that wanted too much memory says so', () => {
  const end = { reason: 'worker-exited', at: '2026-01-01T00:00:01.000Z', details: { oom: true } }
  assert.match(sessionLines({ ...session, end }).join('\n'), /^out of memory +yes$/m)
})
