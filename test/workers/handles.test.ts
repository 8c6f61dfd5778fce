import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import type { WorkerHandle } from '../../src/workers/driver.ts'
import { startTimeOf } from '../../src/ground/process-tree.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { alive } from '../support/processes.ts'
import { open, startRig } from './rig.ts'

suite('a handle', { concurrency: 4 }, () => {
  test('is not taken for a later process of the same pid, whatever the marker says', async (t) => {
    const rig = startRig(t)
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' })
    atEnd(t, () => void bystander.kill('SIGKILL'))
    const worker = await rig.start(['tells-who.js'])
    const pid = bystander.pid ?? 0
    const earlier = String(Number(startTimeOf(pid)) - 1)
    const recycled: WorkerHandle = {
      ...worker.handle,
      workerId: 'f'.repeat(16),
      pid,
      startTime: earlier,
      initPid: pid,
      initStartTime: earlier,
      socketPath: join(rig.runtimeDir, 'ffffffffffff.sock'),
      directory: join(rig.stateDir, 'none'),
    }
    const file = (id: string): string => join(rig.markerDir, `${id}.json`)
    const marker = JSON.parse(readFileSync(file(worker.handle.workerId), 'utf8')) as object
    writeFileSync(file(recycled.workerId), JSON.stringify({ ...marker, handle: recycled }))
    assert.equal(await rig.driver.attach(recycled), undefined)
    assert.deepEqual(
      (await rig.driver.list()).map(({ handle }) => handle),
      [worker.handle],
    )
    assert.equal((await rig.driver.bury(recycled)).how, 'its keeper vanished')
    assert.ok(alive(pid))
    await open(worker)
  })

  test('finds nothing by a marker that is half written, of another, or without the key', async (t) => {
    const rig = startRig(t)
    const worker = await rig.start(['tells-who.js'])
    const { handle } = worker
    const file = join(rig.markerDir, `${handle.workerId}.json`)
    const text = readFileSync(file, 'utf8')
    const marker = JSON.parse(text) as { handle: WorkerHandle }
    const other = { ...handle, workerId: '0'.repeat(16) }
    const wrong = {
      'half written': text.slice(0, text.length / 2),
      'no object': '7',
      'an empty object': '{}',
      'of another worker': JSON.stringify({ ...marker, handle: other }),
      'with another nonce': JSON.stringify({ ...marker, nonce: 'another' }),
      'with a socket of nobody': JSON.stringify({
        ...marker,
        handle: { ...handle, socketPath: join(rig.runtimeDir, 'none.sock') },
      }),
    }
    for (const [what, content] of Object.entries(wrong)) {
      writeFileSync(file, content)
      assert.equal(await rig.driver.attach(handle), undefined, what)
    }
    writeFileSync(file, text)
    assert.ok((await rig.driver.attach(handle)) !== undefined)
  })

  test('of another container is left alone as long as its keeper is there', async (t) => {
    const rig = startRig(t)
    const { handle } = await rig.start(['tells-who.js'])
    const file = join(rig.markerDir, `${handle.workerId}.json`)
    const text = readFileSync(file, 'utf8')
    const marker = JSON.parse(text) as object
    // Its pid means nothing here.
    const foreign = { ...handle, pidNamespace: 'pid:[1]', pid: 1, initPid: 1 }
    writeFileSync(file, JSON.stringify({ ...marker, handle: foreign }))
    assert.deepEqual(await rig.driver.list(), [])
    assert.ok(existsSync(file) && existsSync(String(handle.socketPath)))
    const socketPath = join(rig.runtimeDir, '000000000001.sock')
    writeFileSync(file, JSON.stringify({ ...marker, handle: { ...foreign, socketPath } }))
    assert.deepEqual(await rig.driver.list(), [])
    assert.ok(!existsSync(file))
    writeFileSync(file, text)
    assert.ok((await rig.driver.attach(handle)) !== undefined)
  })

  test('of a worker that another gateway is starting is listed, and not attached to', async (t) => {
    const rig = startRig(t)
    const calledOff = new AbortController()
    const spec = rig.spec(['never-listens.js'], { http: true })
    const starting = rig.driver.start(spec, calledOff.signal)
    const sibling = startRig(t, { stateDir: rig.stateDir })
    const [listed] = await eventually(async () => {
      const found = await sibling.driver.list()
      assert.equal(found.length, 1)
      return found
    })
    assert.equal(listed?.handle.workerId, spec.workerId)
    assert.equal(await sibling.driver.attach(listed.handle), undefined)
    assert.equal((await sibling.driver.list()).length, 1)
    calledOff.abort(new Error('enough'))
    await assert.rejects(starting, /enough/)
    assert.deepEqual(await sibling.driver.list(), [])
  })
})
