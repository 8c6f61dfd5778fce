import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp.ts'
import { skipWithoutNamespace } from '../workers/rig.ts'
import { newMark, startKillRig } from './kill-rig.ts'

suite('kill -9, where there are PID namespaces', { skip: skipWithoutNamespace }, () => {
  test('of any process of a worker ends its session, its tree, and nothing else', async (t) => {
    const stateDir = tempDir(t)
    const gateway = await startKillRig(t, newMark(), { stateDir })
    const bystander = await gateway.open()
    const victims = {
      'the process that made the namespace': /^unshare /,
      'the init of the namespace': /^sh -c trap/,
      'the keeper': /^\S*node \S.*keeper\/main\.js$/,
      'the server': /deep-tree\.js$/,
    }
    await Promise.all(
      Object.entries(victims).map(async ([what, command]) => {
        const session = await gateway.open()
        // unshare, init, keeper; wrapper, shell, leaf, grandchild.
        assert.equal(session.tree.length, 7)
        process.kill(session.find(command).pid, 'SIGKILL')
        const closed = await gateway.saw(
          'session.closed',
          (news) => news.session === session.handle,
        )
        assert.equal(closed.reason, 'worker-exited', what)
        assert.deepEqual(session.left(), [], what)
        assert.equal(await session.status(), 404, what)
      }),
    )
    assert.equal(bystander.left().length, 7)
    await bystander.ask()
    // Its own marker and its own socket are all that is left.
    assert.equal(readdirSync(join(stateDir, 'workers')).length, 1)
    await eventually(() => assert.equal(readdirSync(join(stateDir, 'run')).length, 1))
  })

  test('of the gateway leaves no process, and the next one clears the rest away', async (t) => {
    const stateDir = tempDir(t)
    const gateway = await startKillRig(t, newMark(), { stateDir })
    const sessions = await Promise.all([gateway.open(), gateway.open()])
    await gateway.kill()
    await eventually(() => {
      assert.deepEqual(
        sessions.flatMap((session) => session.left()),
        [],
      )
      assert.deepEqual(gateway.marked(), [])
    })
    assert.equal(readdirSync(join(stateDir, 'workers')).length, 2)

    const next = await startKillRig(t, newMark(), { stateDir })
    assert.deepEqual(readdirSync(join(stateDir, 'workers')), [])
    assert.deepEqual(next.seen('operator.warned'), [])
  })

  test('of one gateway leaves those of another beside it alone', async (t) => {
    const stateDir = tempDir(t)
    const mark = newMark()
    const one = await startKillRig(t, mark, { stateDir })
    const session = await one.open()
    const other = await startKillRig(t, mark, { stateDir })
    const otherSession = await other.open()
    assert.deepEqual(other.seen('operator.warned'), [])
    await session.ask()
    await other.kill()
    await eventually(() => assert.deepEqual(otherSession.left(), []))
    await startKillRig(t, mark, { stateDir })
    assert.equal(session.left().length, 7)
    await session.ask()
    assert.equal(readdirSync(join(stateDir, 'workers')).length, 1)
  })
})

test('Ctrl-C at the terminal reaches the gateway alone', async (t) => {
  const gateway = await startKillRig(t, newMark(), { stateDir: tempDir(t) })
  const session = await gateway.open()
  const { length } = session.tree
  process.kill(-gateway.pid, 'SIGINT')
  await gateway.signalled()
  await session.ask()
  assert.equal(session.left().length, length)
})
