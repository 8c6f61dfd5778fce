import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { alive } from '../support/processes.ts'
import { call, open, skipWithoutNamespace, startRig } from './rig.ts'

const text = 'THROW-HERE'
/** In what a keeper may throw: where lines are cut, read, or handed on. */
const methods = ['indexOf', 'toString', 'subarray'] as const
const module = compiled('test/fixtures/faulty-keeper.js')

suite('a throw in a keeper that is shared', { concurrency: 3, skip: skipWithoutNamespace }, () => {
  for (const method of methods) {
    test(`costs the session whose bytes it was, and no other: ${method}`, async (t) => {
      const keeperPrefix = ['env', `NODE_OPTIONS=--import=${module}`, `FAULT_IN=${method}`]
      const rig = startRig(t, { sessionsPerKeeper: 3, keeperPrefix })
      const [bystander, struck] = [
        await rig.start(['tells-who.js']),
        await rig.start(['tells-who.js']),
      ]
      const keeper = Number(struck.handle.pid)
      assert.equal(Number(bystander.handle.pid), keeper)
      const [bystanderId, struckId] = [await open(bystander), await open(struck)]
      const before = await call(bystander, bystanderId, 'identify')

      // Over stdout, where it is an answer and where it is none, and over stderr.
      const tried = [
        call(struck, struckId, 'echo', { text }),
        call(struck, struckId, 'write', { stdout: `${text}\n`, stderr: `${text}\n` }),
      ]
      await Promise.all([
        ...tried.map((one) => one.catch(() => undefined)),
        ...[1, 2, 3].map(async () => {
          assert.deepEqual(await call(bystander, bystanderId, 'identify'), before)
        }),
      ])
      assert.deepEqual(await call(bystander, bystanderId, 'identify'), before)
      assert.ok(alive(keeper))
      const next = await rig.start(['tells-who.js'])
      assert.equal(Number(next.handle.pid), keeper, 'it keeps others as before')
      await open(next)
      const log = (): string => readFileSync(join(rig.stateDir, 'keepers.log'), 'utf8')
      await eventually(() => assert.match(log(), /injected/))
    })
  }
})
