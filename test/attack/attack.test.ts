import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { createBench } from '../bench/scope.ts'
import { attacks } from './attacks/index.ts'
import { lineOf } from './report.ts'
import { tryAttack } from './run-attacks.ts'
import { createSharedStage } from './scene.ts'

// What `after` is given within a test ends with that test, and the stage is for all of them.
const whole = createBench(new AbortController().signal)
after(() => whole.end())
const shared = createSharedStage(whole)

/** The short ones; `npm run attack` has them all. */
for (const attack of attacks.filter(({ isLong }) => !isLong)) {
  test(`${attack.section}: ${attack.tries}`, async (t) => {
    const outcome = await tryAttack(t, shared, attack)
    if (outcome.missing !== undefined) {
      assert.notEqual(process.env['CI'], 'true', outcome.missing)
      t.skip(outcome.missing)
      return
    }
    assert.ok(
      outcome.tries.every(({ held }) => held),
      lineOf(outcome),
    )
  })
}
