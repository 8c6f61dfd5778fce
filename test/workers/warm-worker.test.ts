import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import type { LocalSpec } from '../../src/workers/driver.ts'
import { eventually } from '../support/eventually.ts'
import { alive, descendants } from '../support/processes.ts'
import { tempDir } from '../support/temp.ts'
import type { Mortal } from './mortal.ts'
import { startMortal } from './mortal.ts'
import type { Rig, SpecOptions } from './rig.ts'
import { call, foundSandbox, newInstallation, open, startRig } from './rig.ts'

const outlives = { maxMs: 600_000, orphanMs: 600_000 }
const { support, outbound } = foundSandbox

interface Scene {
  stateDir: string
  rigs: Record<'process' | 'sandbox', Rig>
  mortal: Mortal
  /** Every process of every worker. */
  tree: number[]
}

/** A gateway whose workers were started ahead, in every way that there is here. */
async function startScene(t: TestContext, claims?: LocalSpec['outlives']): Promise<Scene> {
  const stateDir = tempDir(t)
  const installation = newInstallation()
  const more = { stateDir, installation, outlives }
  const rigs = {
    process: startRig(t, more),
    sandbox: startRig(t, { ...more, isolation: 'sandbox' }),
  }
  const of = (driver: 'process' | 'sandbox', options: SpecOptions) => ({
    driver,
    spec: rigs[driver].spec(['tells-who.js'], { ...options, isWarm: true }),
  })
  const limits = { memoryBytes: 512 * 1024 ** 2, pids: 256 }
  const sandbox = { network: 'private' as const, outbound: outbound.available }
  const starts = [
    of('process', {}),
    of('process', { http: true }),
    ...(support.available
      ? [of('sandbox', { limits }), of('sandbox', { http: true, sandbox })]
      : []),
  ]
  const mortal = await startMortal(t, {
    stateDir,
    installation,
    store: 'redis',
    starts,
    ...(claims === undefined ? {} : { claims }),
  })
  const tree = mortal.handles.flatMap(({ pid }) => [
    Number(pid),
    ...descendants(Number(pid)).map((entry) => entry.pid),
  ])
  return { stateDir, rigs, mortal, tree }
}

suite('a worker that was started ahead of its session', { concurrency: 2 }, () => {
  test('ends with its gateway, though it would outlive it afterwards', async (t) => {
    const { stateDir, rigs, mortal, tree } = await startScene(t)
    const listed = (
      await Promise.all(Object.values(rigs).map(({ driver }) => driver.list()))
    ).flat()
    assert.equal(listed.length, mortal.handles.length)
    assert.ok(listed.every(({ isWarm, owner }) => isWarm === true && owner.pid === mortal.pid))
    await mortal.kill()
    await eventually(() => assert.deepEqual(tree.filter(alive), []))
    for (const { driver } of Object.values(rigs)) assert.deepEqual(await driver.list(), [])
    assert.deepEqual(readdirSync(join(stateDir, 'workers')), [])
  })

  test('outlives its gateway once it is claimed', async (t) => {
    const { rigs, mortal, tree } = await startScene(t, outlives)
    await mortal.kill()
    assert.deepEqual(
      tree.filter((pid) => !alive(pid)),
      [],
    )
    for (const handle of mortal.handles) {
      const { driver } = rigs[handle.driver === 'sandbox' ? 'sandbox' : 'process']
      const [marker] = (await driver.list()).filter(
        (one) => one.handle.workerId === handle.workerId,
      )
      assert.equal(marker?.isWarm, undefined)
      const worker = await driver.attach(handle)
      assert.ok(worker !== undefined)
      const sessionId = await open(worker)
      assert.deepEqual(await call(worker, sessionId, 'echo', { a: 1 }), { a: 1 })
      await worker.stop({ graceMs: 5000 })
    }
    assert.deepEqual(tree.filter(alive), [])
  })
})
