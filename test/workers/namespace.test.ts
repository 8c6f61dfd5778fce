import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { findPidNamespace } from '../../src/workers/pid-namespace.ts'
import { eventually } from '../support/eventually.ts'
import { call, open, post, skipWithoutNamespace, startRig } from './rig.ts'

const skip = skipWithoutNamespace

suite('a worker in a PID namespace of its own', { concurrency: 4, skip }, () => {
  test('sees its own tree alone, and no zombies of what it has left to others', async (t) => {
    const worker = await startRig(t).start(['forks-daemons.js'])
    const sessionId = await open(worker)
    const states = () => call<string[]>(worker, sessionId, 'states')
    const before = (await states()).sort()
    // The init, the keeper, the server.
    assert.equal(before.length, 3)
    await call(worker, sessionId, 'fork', { daemons: 50 })
    await eventually(async () => assert.deepEqual((await states()).sort(), before))
  })

  test('ends its own session alone when it kills all that it can', async (t) => {
    const rig = startRig(t)
    const [other, worker] = [
      await rig.start(['tells-who.js']),
      await rig.start(['kills-around.js']),
    ]
    const otherId = await open(other)
    const args = { pid: -1, signal: 'SIGKILL' }
    await call(worker, await open(worker), 'kill', args).catch(() => undefined)
    assert.equal((await worker.exited).how, 'its keeper was killed')
    assert.deepEqual(await call(other, otherId, 'echo', { a: 1 }), { a: 1 })
  })

  test('cannot end the init of its namespace with a signal that asks', async (t) => {
    const worker = await startRig(t).start(['kills-around.js'])
    const sessionId = await open(worker)
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1', 'SIGKILL']) {
      assert.equal(await call(worker, sessionId, 'kill', { pid: 1, signal }), 'sent')
    }
    assert.equal(
      (await post(worker, { jsonrpc: '2.0', id: 1, method: 'x' }, sessionId)).status,
      200,
    )
  })

  test('is told apart from one without: why there is none is said', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = '/nowhere'
    const without = await findPidNamespace(true).finally(() => (process.env['PATH'] = path))
    assert.deepEqual(without.prefix, [])
    assert.equal(without.own, false)
    assert.match(without.why, /^setpriv is not installed \(package util-linux\)$/)
  })
})
