import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { createEvents } from '../../src/ground/events.ts'
import type { WorkerDriver, WorkerHandle } from '../../src/workers/driver.ts'
import { shownPid } from '../../src/workers/driver.ts'
import { ownIdentity } from '../../src/workers/identity.ts'
import type { Supervisor } from '../../src/workers/supervisor.ts'
import { createSupervisor } from '../../src/workers/supervisor.ts'
import { hasCode } from '../suites/driver.ts'
import { atEnd } from '../support/at-end.ts'
import { alive } from '../support/processes.ts'
import { startMortal } from './mortal.ts'
import type { Rig } from './rig.ts'
import { open, startRig } from './rig.ts'

const never = new AbortController().signal

function supervise(...drivers: WorkerDriver[]) {
  const events = createEvents()
  const news: [string, object][] = []
  events.onAny((name, what) => news.push([name, what]))
  const supervisor = createSupervisor({
    clock: systemClock,
    events,
    drivers: new Map(drivers.map((driver) => [driver.name, driver])),
    owner: ownIdentity(),
  })
  return { supervisor, news }
}

interface Abandoned {
  rig: Rig
  supervisor: Supervisor
  news: [string, object][]
  handle: WorkerHandle
  /** Kills the gateway that started it. */
  abandon(): Promise<void>
}

/** A worker that outlives its gateway, and the gateway that comes after that one. */
async function startAbandoned(t: TestContext): Promise<Abandoned> {
  const rig = startRig(t)
  const { supervisor, news } = supervise(rig.driver)
  const { installation, store } = memory
  const starts = [{ driver: 'process', spec: rig.spec(['tells-who.js'], { outlives: long }) }]
  const mortal = await startMortal(t, { stateDir: rig.stateDir, installation, store, starts })
  const [handle] = mortal.handles as [WorkerHandle]
  atEnd(t, async () => (await rig.driver.attach(handle))?.stop({ graceMs: 0 }))
  return { rig, supervisor, news, handle, abandon: mortal.kill }
}

const long = { maxMs: 600_000, orphanMs: 600_000 }
const names = { session: 'session', server: 'fixture' }
const memory = { installation: 'installation-1', store: 'memory', graceMs: 1000 }

suite('the sweep', { concurrency: 4 }, () => {
  test('ends a worker whose gateway no longer exists', async (t) => {
    const { rig, supervisor, handle, abandon } = await startAbandoned(t)
    assert.equal(await supervisor.sweep(memory), 0, 'its gateway still runs')
    await abandon()
    assert.equal(rig.running().length, 1)
    assert.equal(await supervisor.sweep(memory), 1)
    assert.equal(rig.running().length, 0)
    assert.ok(!alive(Number(handle.pid)))
    assert.ok(!existsSync(String(handle.socketPath)))
    assert.deepEqual(readdirSync(rig.markerDir), [])
    assert.equal(await supervisor.sweep(memory), 0)
  })

  test('leaves alone what is of another installation or another store', async (t) => {
    const { rig, supervisor, abandon } = await startAbandoned(t)
    await abandon()
    assert.equal(await supervisor.sweep({ ...memory, installation: 'installation-2' }), 0)
    assert.equal(await supervisor.sweep({ ...memory, store: 'redis' }), 0)
    assert.equal(rig.running().length, 1)
    assert.equal((await rig.driver.list()).length, 1)
  })

  test('is told of all of one installation and one store', async (t) => {
    const { supervisor, handle } = await startAbandoned(t)
    const handles = async (installation: string, store: string) =>
      (await supervisor.list({ installation, store })).map((marker) => marker.handle)
    assert.deepEqual(await handles('installation-1', 'memory'), [handle])
    assert.deepEqual(await handles('installation-2', 'memory'), [])
    assert.deepEqual(await handles('installation-1', 'redis'), [])
  })

  test('leaves alone what is its own', async (t) => {
    const rig = startRig(t, { installation: 'installation-1' })
    const { supervisor } = supervise(rig.driver)
    const worker = await rig.start(['tells-who.js'])
    assert.equal(await supervisor.sweep(memory), 0)
    await open(worker)
  })

  test('leaves what a worker may still be attached by', async (t) => {
    const { supervisor, handle, news, abandon } = await startAbandoned(t)
    await abandon()
    const worker = await supervisor.attach(handle, names)
    assert.ok(worker !== undefined)
    await open(worker)
    await worker.stop({ graceMs: 1000 })
    assert.equal((await worker.exited).how, 'killed by SIGTERM')
    assert.equal(await supervisor.attach(handle, names), undefined)
    const how = { code: null, signal: 'SIGTERM', how: 'killed by SIGTERM' }
    const { workerId, driver } = handle
    const who = { ...names, workerId, driver }
    assert.deepEqual(news, [
      ['worker.attached', who],
      ['worker.exited', { ...who, ...how }],
    ])
    assert.deepEqual(await supervisor.bury(handle), how)
  })
})

test('starts and ends of workers are told, and nothing secret with them', async (t) => {
  const rig = startRig(t)
  const { supervisor, news } = supervise(rig.driver)
  const spec = rig.spec(['tells-who.js'])
  const worker = await supervisor.start('process', spec, never)
  await worker.stop({ graceMs: 5000 })
  await worker.exited
  const who = {
    session: spec.session,
    server: 'fixture',
    workerId: spec.workerId,
    driver: 'process',
  }
  const [[started, startedNews], [exited, exitedNews]] = news as [
    [string, object],
    [string, object],
  ]
  assert.equal(started, 'worker.started')
  const { startMs, ...rest } = startedNews as { startMs: number }
  assert.ok(startMs >= 0)
  assert.deepEqual(rest, { ...who, pid: shownPid(worker.handle) })
  assert.equal(exited, 'worker.exited')
  const how = { code: null, signal: 'SIGTERM', how: 'killed by SIGTERM' }
  assert.deepEqual(exitedNews, { ...who, ...how })
  assert.equal(news.length, 2)
})

test('a driver that is unknown or cannot run here is refused with the reason', async (t) => {
  const rig = startRig(t)
  const lame: WorkerDriver = {
    ...rig.driver,
    name: 'lame',
    probe: () => Promise.resolve({ available: false, why: 'it has no legs.' }),
  }
  const { supervisor } = supervise(rig.driver, lame)
  const start = async (name: string) => supervisor.start(name, rig.spec(['tells-who.js']), never)
  await assert.rejects(start('container'), (thrown: Error) => {
    hasCode('ERR_WORKERS_DRIVER_UNAVAILABLE')(thrown)
    assert.match(thrown.message, /container cannot run here: there are process, lame\./)
    return true
  })
  await assert.rejects(start('lame'), /lame cannot run here: it has no legs\./)
})
