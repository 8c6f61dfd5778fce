import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import type { Worker, WorkerDriver, WorkerHandle } from '../../src/workers/driver.ts'
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
