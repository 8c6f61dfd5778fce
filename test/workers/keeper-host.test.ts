import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { hasCode } from '../suites/driver.ts'
import { eventually } from '../support/eventually.ts'
import { open, startRig } from './rig.ts'

const sockets = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.endsWith('.sock'))

suite('a spare keeper', { concurrency: 4 }, () => {
  test('is there before it is needed, is used, and another takes its place', async (t) => {
    const { keepers, runtimeDir } = startRig(t, { spares: 1 })
    const [spare] = await eventually(() => {
      const found = sockets(runtimeDir)
      assert.equal(found.length, 1)
      return found
    })
    const keeper = await keepers.take()
    assert.equal(keeper.socketPath, join(runtimeDir, spare ?? ''))
    await eventually(() => assert.equal(sockets(runtimeDir).length, 2))
    keeper.kill()
    await keeper.ended
    assert.equal(sockets(runtimeDir).length, 1)
  })

  test('ends with its gateway, and leaves no socket', async (t) => {
    const { keepers, runtimeDir } = startRig(t, { spares: 1 })
    await eventually(() => assert.equal(sockets(runtimeDir).length, 1))
    await keepers.close()
    assert.deepEqual(sockets(runtimeDir), [])
    const taken = await keepers.take()
    taken.kill()
    await taken.ended
    assert.deepEqual(sockets(runtimeDir), [], 'and no other is started afterwards')
  })

  test('that was killed is forgotten', async (t) => {
    const { keepers, runtimeDir, start } = startRig(t, { spares: 1 })
    await eventually(() => assert.equal(sockets(runtimeDir).length, 1))
    const spare = await keepers.take()
    spare.kill()
    await spare.ended
    await open(await start(['tells-who.js']))
  })
})

test('a keeper that dies before it was told what to keep fails that start alone', async (t) => {
  const rig = startRig(t)
  const { take } = rig.keepers
  rig.keepers.take = async () => {
    const keeper = await take()
    process.kill(keeper.pid, 'SIGKILL')
    await keeper.ended
    return keeper
  }
  await assert.rejects(rig.start(['tells-who.js']), hasCode('ERR_WORKERS_KEEPER'))
  await rig.nothingLeft()
  assert.deepEqual(sockets(rig.runtimeDir), [])
  rig.keepers.take = take
  await open(await rig.start(['tells-who.js']))
})

test('a namespace that stopped working is told as the failure of the keeper', async (t) => {
  const prefix = ['sh', '-c', 'echo no such luck >&2; exit 7']
  const rig = startRig(t, { namespace: { prefix, enter: [], own: true, why: '' } })
  await assert.rejects(rig.start(['tells-who.js']), (thrown: Error) => {
    hasCode('ERR_WORKERS_KEEPER')(thrown)
    assert.match(thrown.message, /it ended \(exit code 7\)/)
    return true
  })
})

test('sockets of keepers that were killed are removed at the next start', async (t) => {
  const { stateDir, runtimeDir } = startRig(t)
  const longAgo = new Date(Date.now() - 60_000)
  const used = join(runtimeDir, '000000000001.sock')
  const server = createServer().listen(used)
  t.after(() => void server.close())
  await eventually(() => assert.ok(server.listening))
  // What a killed process leaves of its socket refuses connections, as this file does.
  const dead = join(runtimeDir, '000000000002.sock')
  const young = join(runtimeDir, '000000000003.sock')
  for (const path of [dead, young]) await leaveSocket(path)
  for (const path of [used, dead]) utimesSync(path, longAgo, longAgo)
  writeFileSync(join(runtimeDir, 'not-a-socket'), '')

  startRig(t, { stateDir })
  await eventually(() =>
    assert.deepEqual(sockets(runtimeDir), ['000000000001.sock', '000000000003.sock']),
  )
})

/** A socket whose process was killed. */
async function leaveSocket(path: string): Promise<void> {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)})`
  const owner = spawn(process.execPath, ['-e', listen], { stdio: 'ignore' })
  await eventually(() => assert.ok(existsSync(path)))
  owner.kill('SIGKILL')
  await once(owner, 'exit')
}
