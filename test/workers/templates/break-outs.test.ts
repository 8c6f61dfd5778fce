import assert from 'node:assert/strict'
import test from 'node:test'

import { breakOutNames } from '../../../src/load/probes/break-outs.ts'
import type { BreakOutName } from '../../../src/load/probes/break-outs.ts'
import { needed } from '../../support/needs.ts'
import { expectedHere } from '../isolation/expected.ts'
import { findFacts } from '../isolation/facts.ts'
import { startStage } from '../isolation/stage.ts'
import { skipWithoutSandbox } from '../rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutSandbox : python.skip }
const interpreter = python.skip === false ? python.path : ''

/** Those that take their time are of limits, and limits are compared with those of a plain start. */
const slow: readonly BreakOutName[] = ['fork-bomb', 'fill-disk', 'fill-memory', 'burn-cpu']

for (const column of ['sandbox', 'sandbox, private network'] as const) {
  test(`a fork gets no further than a plain start: ${column}`, options, async (t) => {
    const facts = await findFacts()
    const { attacker, targets } = await startStage(t, column, interpreter)
    for (const name of breakOutNames) {
      // It writes into its own copy; whether that is seen elsewhere takes another worker.
      if (slow.includes(name) || name === 'write-shared') continue
      const { outcome, how } = await attacker.attempt(name, targets[name])
      assert.equal(outcome, expectedHere(name, column, facts), `${name}: ${how}`)
    }
  })
}
