import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Fault, FaultName } from '../../src/load/chaos/fault.ts'
import { faultNames } from '../../src/load/chaos/fault.ts'
import type { LoadPlan } from '../../src/load/drive/plan.ts'
import type { LoadResult } from '../../src/load/drive/run.ts'
import { judgeFaults, judgeSeparation } from '../../src/load/verdict.ts'
import { initLocalIssuer, signLocalToken } from '../../src/auth/local-issuer.ts'
import { usersOf } from '../../src/load/users.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { longEnoughMs } from '../support/patience.ts'
import { tempDir } from '../support/temp.ts'
import { drive, planFor, toy } from './rig.ts'

const everyName = [...faultNames].sort()
const namesOf = (faults: readonly Fault[]): Set<FaultName> =>
  new Set(faults.map(({ name }) => name))

test('Berth keeps what it promises while workers are killed and connections dropped', async (t) => {
  const stateDir = tempDir(t)
  const issuer = await initLocalIssuer(stateDir, 'http://127.0.0.1/identity')
  const mint = (sub: string): Promise<string> => signLocalToken(issuer, { sub }, 600)
  const gateway = await startTestGateway(
    t,
    { probe: { command: ['node', compiled('src/load/probes/isolation-probe.js')] } },
    { stateDir, authorization: { global: 'local' } },
  )
  const file = join(stateDir, 'gateways', `${process.pid}.json`)
  const { token } = JSON.parse(readFileSync(file, 'utf8')) as { token: string }
  const admin = { url: gateway.adminUrl, token }
  const plan = planFor(gateway.mcp('probe'), {
    sessions: 6,
    durationMs: 1500,
    ratePerSecond: 60,
    users: await usersOf(2, { kind: 'mint', mint }),
    chaos: { admin, everyMs: 20 },
  })
  const couldBeTried = ({ isKept }: Fault): boolean => isKept !== null
  const tried = await untilEachHasBeen(plan, couldBeTried, (result) => {
    assert.deepEqual(
      result.faults.filter(({ isKept }) => isKept === false),
      [],
    )
    const { trespassed, trespassesRefused } = result.measure.counts
    assert.ok(trespassed >= 12 && trespassed === trespassesRefused, `${trespassed}`)
    assert.deepEqual(judgeSeparation(result, { toleratesFailures: true }), {
      verdict: 'PASS',
      reasons: [],
    })
  })
  assert.deepEqual([...namesOf(tried.filter(couldBeTried))].sort(), everyName)
  assert.equal(judgeFaults({ faults: tried }).verdict, 'PASS')
})

/** Runs of the test, each of which is looked at, until there was every fault that counts. */
async function untilEachHasBeen(
  plan: LoadPlan,
  counts: (fault: Fault) => boolean,
  look: (result: LoadResult) => void,
): Promise<Fault[]> {
  const untilMs = performance.now() + longEnoughMs
  const faults: Fault[] = []
  // On a busy machine a run has but few.
  while (namesOf(faults.filter(counts)).size < faultNames.length && performance.now() < untilMs) {
    const result = await drive(plan)
    look(result)
    faults.push(...result.faults)
  }
  return faults
}

test('a gateway without an admin API has its connections dropped and its ids replayed', async (t) => {
  const plan = planFor(await toy(t), {
    durationMs: 400,
    timeoutMs: 2000,
    chaos: { admin: undefined, everyMs: 5 },
  })
  const every = (): boolean => true
  const faults = await untilEachHasBeen(plan, every, (result) => {
    assert.equal(judgeSeparation(result, { toleratesFailures: true }).verdict, 'PASS')
  })
  assert.deepEqual([...namesOf(faults)].sort(), everyName)
  // Others may come at a moment when there is nothing to try them on.
  const tried = namesOf(faults.filter(({ isKept }) => isKept !== null))
  assert.deepEqual(
    namesOf(faults.filter(({ name }) => !tried.has(name))),
    new Set(['kill-worker', 'stop-session', 'steal-id']),
  )
  assert.equal(judgeFaults({ faults }).verdict, 'PASS')
})

const users = ['ann', 'ben'].map((name) => ({ name, headers: { authorization: name } }))

test('an id in the hands of another user gets nowhere', async (t) => {
  const result = await drive(
    planFor(await toy(t), {
      profile: 'streams',
      users,
      durationMs: 3000,
      timeoutMs: 2000,
      chaos: { admin: undefined, everyMs: 5 },
    }),
  )
  const stolen = result.faults.filter(({ name }) => name === 'steal-id')
  assert.ok(stolen.length > 0)
  assert.ok(stolen.every(({ isKept }) => isKept === true))
  assert.ok(result.evidence.matched.ownership >= 4)
  assert.equal(judgeSeparation(result, { toleratesFailures: true }).verdict, 'PASS')
})

test('a promise that is broken fails, and one that could not be tried says so', () => {
  const fault: Fault = {
    name: 'steal-id',
    atMs: 1,
    session: 1,
    isKept: false,
    how: 'HTTP 200',
    tookMs: 1,
  }
  const judged = judgeFaults({ faults: [fault, { ...fault, name: 'replay-old-id', isKept: true }] })
  assert.deepEqual(judged, {
    verdict: 'FAIL',
    reasons: ['1 of 2 faults broke a promise: steal-id.'],
  })
  assert.equal(judgeFaults({ faults: [{ ...fault, isKept: null }] }).verdict, 'INCONCLUSIVE')
})
