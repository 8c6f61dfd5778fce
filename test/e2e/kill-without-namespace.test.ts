import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp.ts'
import { newMark, startKillRig } from './kill-rig.ts'

/** Without util-linux in its PATH a gateway has no way to make PID namespaces. */
const env = { ...process.env, PATH: '/nowhere' }

suite('kill -9, where there are no PID namespaces', () => {
  test('of the keeper or of the server ends the session, and its tree by its mark', async (t) => {
    const gateway = await startKillRig(t, newMark(), { stateDir: tempDir(t), env })
    const bystander = await gateway.open()
    const victims = { 'its keeper was killed': /main\.js$/, 'killed by SIGKILL': /deep-tree\.js$/ }
    await Promise.all(
      Object.entries(victims).map(async ([how, command]) => {
        const session = await gateway.open()
        // keeper; wrapper, shell, leaf, grandchild.
        assert.equal(session.tree.length, 5)
        process.kill(session.find(command).pid, 'SIGKILL')
        const exited = await gateway.saw('worker.exited', (news) => news.session === session.handle)
        assert.equal(exited.how, how)
        const closed = await gateway.saw(
          'session.closed',
          (news) => news.session === session.handle,
        )
        assert.equal(closed.reason, 'worker-exited', how)
        assert.deepEqual(session.left(), [], how)
      }),
    )
    assert.equal(bystander.left().length, 5)
    await bystander.ask()
  })

  test('of the gateway is noticed by the keepers, who end their trees', async (t) => {
    const gateway = await startKillRig(t, newMark(), { stateDir: tempDir(t), env })
    const session = await gateway.open()
    await gateway.kill()
    await eventually(() => assert.deepEqual(session.left(), []))
  })

  test('of both leaves something, until the next start of this installation', async (t) => {
    const stateDir = tempDir(t)
    const mark = newMark()
    const gateway = await startKillRig(t, mark, { stateDir, env })
    const session = await gateway.open()
    // So that it cannot clear away what its keeper leaves.
    process.kill(gateway.pid, 'SIGSTOP')
    process.kill(session.find(/main\.js$/).pid, 'SIGKILL')
    await gateway.kill()
    // The keeper may take a moment to die.
    await eventually(() => assert.equal(session.left().length, 4))

    await startKillRig(t, mark, { stateDir: tempDir(t), env })
    assert.equal(session.left().length, 4, 'another installation leaves it alone')

    // Whether it has namespaces itself says nothing of those before it.
    await startKillRig(t, mark, { stateDir })
    assert.deepEqual(session.left(), [])
    assert.deepEqual(readdirSync(join(stateDir, 'workers')), [])
  })
})
