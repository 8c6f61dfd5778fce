import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp.ts'
import { cgroupsOf, mountsBelow } from '../run/kernel-leaks.ts'
import { foundSandbox, skipWithoutSandbox } from '../workers/rig.ts'
import { newMark, startKillRig } from './kill-rig.ts'

const { outbound } = foundSandbox
/** All that a worker can have beside it: a network that leads out, groups, mounts. */
const server = {
  driver: 'sandbox',
  http: true,
  sandbox: { network: 'private', outbound: outbound.available },
  limits: { memoryBytes: 512 * 1024 ** 2, pids: 256, diskBytes: 32 * 1024 ** 2 },
} as const

suite('kill -9 of a sandbox', { skip: skipWithoutSandbox }, () => {
  test('and of what stands around it ends its session and leaves nothing of it', async (t) => {
    const stateDir = tempDir(t)
    const gateway = await startKillRig(t, newMark(), { stateDir }, server)
    const victims = {
      'the process that made the namespace': /^unshare /,
      'the init of the namespace': /^sh -c\s+trap/,
      'the keeper': /^\S*node \S.*keeper\/main\.js$/,
      'the sandbox': /bwrap --unshare-user/,
      'the server': /^\S*node \S*deep-tree\.js/,
      ...(outbound.available ? { 'what leads out': /slirp4netns --configure/ } : {}),
    }
    for (const [what, command] of Object.entries(victims)) {
      const session = await gateway.open()
      process.kill(session.find(command).pid, 'SIGKILL')
      const closed = await gateway.saw(
        'session.closed',
        ({ session: handle }) => handle === session.handle,
      )
      assert.equal(closed.reason, 'worker-exited', what)
      assert.deepEqual(session.left(), [], what)
      assert.equal(await session.status(), 404, what)
    }
    assert.deepEqual(readdirSync(join(stateDir, 'workers')), [])
    assert.deepEqual(remainsOf(stateDir), { mounts: [], cgroups: [] })
  })

  test('of the gateway leaves no process and no mount, and the next one clears the rest', async (t) => {
    const stateDir = tempDir(t)
    const gateway = await startKillRig(t, newMark(), { stateDir }, server)
    const sessions = await Promise.all([gateway.open(), gateway.open()])
    await gateway.kill()
    await eventually(() => {
      const left = sessions.flatMap((session) => session.left())
      assert.deepEqual(left, [])
      assert.deepEqual(gateway.marked(), [])
    })
    assert.deepEqual(remainsOf(stateDir).mounts, [])
    await startKillRig(t, newMark(), { stateDir }, server)
    assert.deepEqual(readdirSync(join(stateDir, 'workers')), [])
    assert.deepEqual(remainsOf(stateDir), { mounts: [], cgroups: [] })
  })
})

function remainsOf(stateDir: string): { mounts: string[]; cgroups: string[] } {
  const file = join(stateDir, 'installation')
  const installation = existsSync(file) ? readFileSync(file, 'utf8').slice(0, 8) : '-'
  return { mounts: mountsBelow(stateDir), cgroups: cgroupsOf(`berth-${installation}`) }
}
