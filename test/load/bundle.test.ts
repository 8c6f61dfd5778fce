import assert from 'node:assert/strict'
import { test } from 'node:test'

import { profileOf } from '../../src/load/drive/profiles.ts'
import { judgeSeparation } from '../../src/load/verdict.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { drive, planFor } from './rig.ts'

const probe: ['node', ...string[]] = ['node', compiled('src/load/probes/isolation-probe.js')]
const members = ['a_', 'b_', 'c_']

test('through a bundle nothing crosses from session to session, or from server to server', async (t) => {
  const gateway = await startTestGateway(
    t,
    {
      a: { command: probe },
      b: { command: [...probe, '--http'], http: true },
      c: { command: probe },
    },
    { bundles: { all: { servers: '*' } } },
  )
  const plan = planFor(gateway.bundle('all'), { members, ratePerSecond: 60, durationMs: 1500 })
  const result = await drive(plan)
  const judged = judgeSeparation(result, { toleratesFailures: false })
  assert.deepEqual(judged, { verdict: 'PASS', reasons: [] })
  for (const channel of profileOf(plan).required) {
    assert.ok(result.evidence.matched[channel] >= 4, channel)
  }
  const kinds = JSON.stringify(result)
  assert.match(kinds, /recall elsewhere/)
})

test('a server that has what another one keeps for the session is found out', async (t) => {
  // The same server three times over: there is one worker of a session, and not three.
  const gateway = await startTestGateway(
    t,
    { a: { command: probe } },
    { bundles: { all: { servers: '*', prefixes: { a: '' } } } },
  )
  const plan = planFor(gateway.bundle('all'), { members: ['', ''], profile: 'calls' })
  const judged = judgeSeparation(await drive(plan), { toleratesFailures: false })
  assert.notEqual(judged.verdict, 'PASS')
})
