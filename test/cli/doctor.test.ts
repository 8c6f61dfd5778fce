import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { programIn } from '../../src/ground/programs.ts'
import { tempDir } from '../support/temp.ts'
import { skipWithoutNamespace, skipWithoutSandbox } from '../workers/rig.ts'
import { main, place } from './berth.ts'

interface Machine {
  findings: { feature: string; state: string; reason: string; helps: string[] }[]
  summary: string
}

const features = [
  ...['process trees', 'user namespaces', 'sandbox', 'overlay mounts', 'system call filter'],
  ...['private networks', 'outbound', 'limits.memory', 'limits.cpus', 'limits.pids'],
  ...['limits.openFiles', 'limits.disk'],
]

describe('doctor', () => {
  it('has a line for each feature, the commands below it, and a sentence at the end', async (t) => {
    const { berth } = place(t)
    const { code, stdout, stderr } = await berth(['doctor'])
    assert.deepEqual([code, stderr], [0, ''])
    const lines = stdout.trimEnd().split('\n')
    assert.match(lines.pop()!, /^(Here a server can have isolation: process|On \w+ Berth runs the)/)
    const told = lines.flatMap((line) => /^[✓✗~] ([\w. ]+): ./.exec(line)?.[1] ?? [])
    assert.deepEqual(told, features)
    for (const line of lines) assert.match(line, /^([✓✗~] | {4}\S|$)/)
  })

  it(
    'builds a sandbox and a network where that is possible',
    { skip: skipWithoutSandbox },
    async (t) => {
      const { findings, summary } = await examined(t, process.env['PATH'] ?? '')
      const of = (name: string) => findings.find(({ feature }) => feature === name)
      for (const name of features.slice(0, 3)) assert.equal(of(name)?.state, 'yes', name)
      assert.match(of('sandbox')?.reason ?? '', /^\/.*\/bwrap builds one$/)
      assert.equal(of('private networks')?.state, 'yes')
      assert.match(summary, /or sandbox \(a wall; network: host, none or private/)
    },
  )

  it('says what to install where there is no bwrap in PATH', async (t) => {
    const { findings, summary } = await examined(t, withoutSandbox(t))
    const sandbox = findings.find(({ feature }) => feature === 'sandbox')
    assert.equal(sandbox?.state, 'no')
    assert.match(summary, /process.*no wall/)
    if (process.platform !== 'linux') return
    assert.equal(sandbox.reason, 'bubblewrap is not installed')
    assert.match(sandbox.helps[0] ?? '', /^(sudo )?[\w-]+ \S+ bubblewrap$/)
    assert.equal(findings.find(({ feature }) => feature === 'outbound')?.state, 'no')
  })

  it(
    'finds out that no user namespaces are allowed, and leaves nothing',
    { skip: skipWithoutNamespace },
    async (t) => {
      // The setting is one of each user namespace, so that the machine keeps its own.
      const forbids = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
      const folder = tempDir(t)
      const { stdout } = await promisify(execFile)(
        'unshare',
        [
          ...['--user', '--map-root-user', 'sh', '-c', forbids, 'sh'],
          ...[process.execPath, main, 'doctor', '--json'],
        ],
        { env: { PATH: process.env['PATH'], TMPDIR: folder } },
      )
      const { findings } = JSON.parse(stdout) as Machine
      const namespaces = findings.find(({ feature }) => feature === 'user namespaces')
      assert.equal(namespaces?.state, 'no')
      assert.match(namespaces.reason, /^user\.max_user_namespaces is 0/)
      assert.match(namespaces.helps[0] ?? '', /^sysctl -w user\.max_user_namespaces=\d+/)
      assert.deepEqual(readdirSync(folder), [])
    },
  )

  it('takes no words', async (t) => {
    const { code, stderr } = await place(t).berth(['doctor', 'everything'])
    assert.equal(code, 2)
    assert.match(stderr, /everything is one word too many/)
  })
})

async function examined(t: TestContext, path: string): Promise<Machine> {
  const { berth } = place(t)
  const { code, stdout, stderr } = await berth(['doctor', '--json'], { env: { PATH: path } })
  assert.deepEqual([code, stderr], [0, ''])
  const machine = JSON.parse(stdout) as Machine
  assert.deepEqual(
    machine.findings.map(({ feature }) => feature),
    features,
  )
  return machine
}

/** A PATH with what it takes to find out, but for the programs of sandboxes. */
function withoutSandbox(t: TestContext): string {
  const folder = tempDir(t)
  for (const name of ['sh', 'true', 'unshare', 'setpriv', 'mount']) {
    const program = programIn(name, process.env['PATH'] ?? '')
    if (program !== undefined) symlinkSync(program, join(folder, name))
  }
  return folder
}
