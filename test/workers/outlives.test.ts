import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import type { Worker, WorkerDriver, WorkerHandle } from '../../src/workers/driver.ts'
import { startTimeOf } from '../../src/workers/identity.ts'
import { isPortFree } from '../../src/workers/ports.ts'
import { cgroupsOf, mountsBelow } from '../run/kernel-leaks.ts'
import { atEnd } from '../support/at-end.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { alive, descendants } from '../support/processes.ts'
import { tempDir } from '../support/temp.ts'
import type { Mortal } from './mortal.ts'
import { startMortal } from './mortal.ts'
import type { Rig, RigOptions, SpecOptions } from './rig.ts'
import { call, foundSandbox, newInstallation, open, startRig } from './rig.ts'

const outlives = { maxMs: 600_000, orphanMs: 600_000 }
const { support, outbound } = foundSandbox

/** A server, how it is reached, and what stands around it. */
interface Kind {
  name: string
  isolation: 'process' | 'sandbox'
  options: SpecOptions
}

const limits = { memoryBytes: 512 * 1024 ** 2, pids: 256, openFiles: 1024 }

function kinds(port: number): Kind[] {
  const sandboxed: Kind[] = [
    { name: 'sandbox', isolation: 'sandbox', options: { limits } },
    {
      name: 'sandbox with a network of its own',
      isolation: 'sandbox',
      options: {
        http: true,
        sandbox: { network: 'private', outbound: outbound.available },
      },
    },
  ]
  return [
    { name: 'stdio', isolation: 'process', options: {} },
    { name: 'HTTP', isolation: 'process', options: { http: true } },
    {
      name: 'HTTP on a fixed port, with limits',
      isolation: 'process',
      options: { http: true, port, limits },
    },
    { name: 'relay', isolation: 'process', options: { relay: true } },
    ...(support.available ? sandboxed : []),
  ]
}

interface Scene {
  stateDir: string
  installation: string
  /** Workers as the gateway after the first sees them. */
  rigs: Record<Kind['isolation'], Rig>
  mortal: Mortal
}

/** One gateway with these servers, and what another one has to attach to them. */
async function startScene(t: TestContext, all: Kind[]): Promise<Scene> {
  const stateDir = tempDir(t)
  const installation = newInstallation()
  const more: RigOptions = { stateDir, installation, outlives }
  const rigs = {
    process: startRig(t, more),
    sandbox: startRig(t, { ...more, isolation: 'sandbox' }),
  }
  const starts = all.map(({ isolation, options }) => ({
    driver: isolation,
    spec: rigs[isolation].spec(['tells-who.js'], options),
  }))
  const mortal = await startMortal(t, { stateDir, installation, store: 'redis', starts })
  atEnd(t, async () => {
    for (const { driver } of Object.values(rigs)) {
      const left = await driver.list()
      await Promise.all(left.map(async ({ handle }) => endAnyway(driver, handle)))
    }
  })
  return { stateDir, installation, rigs, mortal }
}

async function endAnyway(driver: WorkerDriver, handle: WorkerHandle): Promise<void> {
  const worker = await driver.attach(handle)
  if (worker === undefined) await driver.bury(handle)
  else await worker.stop({ graceMs: 0 })
}

/** @throws when it is not there */
async function attach({ driver }: Rig, handle: WorkerHandle | undefined): Promise<Worker> {
  const worker = handle === undefined ? undefined : await driver.attach(handle)
  if (worker === undefined) throw new Error(`${handle?.workerId} is not there`)
  return worker
}

const stdio: Kind[] = [{ name: 'stdio', isolation: 'process', options: {} }]

suite('a worker whose gateway was killed', { concurrency: 4 }, () => {
  test('goes on, however it is reached and isolated, and is stopped by the next', async (t) => {
    const port = await freePort()
    const all = kinds(port)
    const { stateDir, installation, rigs, mortal } = await startScene(t, all)
    const follow = async ({ isolation, name }: Kind, at: number) => {
      const rig = rigs[isolation]
      const handle = mortal.handles[at]
      // While its gateway lives two serve it; what was opened by one goes on with the other.
      const worker = await attach(rig, handle)
      const sessionId = await open(worker)
      await worker.leaveNote(name)
      return { name, rig, handle, worker, sessionId }
    }
    const followed = await Promise.all(all.map(follow))
    const trees = mortal.handles.flatMap(({ pid }) => [
      Number(pid),
      ...descendants(Number(pid)).map((entry) => entry.pid),
    ])
    const spares = await eventually(() => {
      const below = descendants(mortal.pid).map(({ pid }) => pid)
      const found = below.filter((pid) => !trees.includes(pid))
      assert.ok(found.length > 0, 'a spare keeper is there')
      return found
    })
    await mortal.kill()

    await eventually(() => assert.deepEqual(spares.filter(alive), [], 'spare keepers end'))
    assert.deepEqual(
      trees.filter((pid) => !alive(pid)),
      [],
    )
    for (const { name, rig, handle, worker, sessionId } of followed) {
      assert.deepEqual(await call(worker, sessionId, 'echo', { name }), { name })
      const again = await attach(rig, handle)
      assert.deepEqual(await call(again, sessionId, 'echo', { name }), { name }, name)
      assert.equal(await again.note(), name)
      const { processes = 0, peakMemoryBytes = 0 } = await again.usage()
      assert.ok(processes >= 1 && peakMemoryBytes > 1024 ** 2, name)
    }
    assert.equal(await isPortFree(port), false)

    const listed = (
      await Promise.all(Object.values(rigs).map(({ driver }) => driver.list()))
    ).flat()
    assert.equal(listed.length, all.length)
    assert.ok(listed.every(({ owner }) => owner.pid === mortal.pid))
    await Promise.all(followed.map(({ worker }) => worker.stop({ graceMs: 5000 })))
    for (const { name, worker } of followed) {
      assert.equal((await worker.exited).how, 'killed by SIGTERM', name)
    }
    assert.deepEqual(trees.filter(alive), [])
    assert.deepEqual(readdirSync(join(stateDir, 'workers')), [])
    assert.deepEqual(mountsBelow(stateDir), [])
    assert.deepEqual(cgroupsOf(`berth-${installation.slice(0, 8)}`), [])
    assert.equal(await isPortFree(port), true)
    for (const { handle } of followed) assert.ok(!existsSync(String(handle?.socketPath)))
  })

  test('ends whole when its keeper, or what stands around that, is killed', async (t) => {
    const { rigs, mortal } = await startScene(t, [...stdio, ...stdio])
    await mortal.kill()
    const exits = mortal.handles.map(async (handle, at) => {
      const worker = await attach(rigs.process, handle)
      await open(worker)
      const tree = descendants(Number(handle.pid)).map(({ pid }) => pid)
      const [keeper = handle.pid] = tree.slice(-2, -1)
      process.kill(Number(at === 0 ? handle.pid : keeper), 'SIGKILL')
      assert.equal((await worker.exited).how, 'its keeper vanished')
      assert.deepEqual([Number(handle.pid), ...tree].filter(alive), [])
      assert.equal(await rigs.process.driver.attach(handle), undefined)
    })
    await Promise.all(exits)
  })

  test('shows its end to every gateway, and keeps none from ending', async (t) => {
    const { rigs, mortal } = await startScene(t, [...stdio, ...stdio])
    const [one, other] = await Promise.all(
      mortal.handles.map((handle) => attach(rigs.process, handle)),
    )
    await one?.stop({ graceMs: 5000 })
    await eventually(() =>
      assert.deepEqual(
        mortal.ends.map(({ workerId, how }) => ({ workerId, how })),
        [{ workerId: one?.handle.workerId, how: 'killed by SIGTERM' }],
      ),
    )
    assert.equal(await mortal.leave(), 0)
    await open(other ?? assert.fail())
    await other?.stop({ graceMs: 5000 })
  })

  test('tells the next one how it ended while nobody was there', async (t) => {
    const { rigs, mortal } = await startScene(t, stdio)
    const { driver } = rigs.process
    const handle = mortal.handles[0] as WorkerHandle
    const worker = await attach(rigs.process, handle)
    const sessionId = await open(worker)
    await mortal.kill()
    void call(worker, sessionId, 'exit', { code: 7 }).catch(() => undefined)
    await worker.exited
    assert.deepEqual(await driver.list(), [])
    assert.equal(await driver.attach(handle), undefined)
    assert.deepEqual(await driver.bury(handle), { code: 7, signal: null, how: 'exit code 7' })
  })
})

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
    await open(await attach(rig, handle))
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
    await open(await attach(rig, handle))
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
