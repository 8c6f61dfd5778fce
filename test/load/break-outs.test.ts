import assert from 'node:assert/strict'
import { test } from 'node:test'

import { tryBreakOuts } from '../../src/load/break-outs.ts'
import { judgeContainment } from '../../src/load/containment.ts'
import { judgeSeparation } from '../../src/load/verdict.ts'
import { breakOutNames } from '../../src/load/probes/break-outs.ts'
import { startHttp } from '../demo/support.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { tempDir } from '../support/temp.ts'
import { drive, planFor } from './rig.ts'

test('says of every way out whether it was stopped or got through, and by what', async (t) => {
  const gateway = await startTestGateway(t, {
    probe: { command: ['node', compiled('src/load/probes/isolation-probe.js')] },
  })
  const shared = `${gateway.stateDir}/shared.txt`
  const found = await tryBreakOuts(
    [
      {
        name: 'process',
        url: new URL(gateway.mcp('probe')),
        isLimited: false,
        isThere: () => false,
        targetsOf: () =>
          Promise.resolve({ 'write-shared': shared, 'read-state': gateway.stateDir }),
      },
    ],
    {
      user: { name: 'anybody', headers: {} },
      signal: new AbortController().signal,
      onColumn: () => undefined,
    },
  )
  assert.deepEqual(found.columns, ['process'])
  assert.deepEqual(new Set(found.rows.map(({ name }) => name)), new Set<string>(breakOutNames))
  const outcomes = Object.fromEntries(
    found.rows.map(({ name, attempts }) => [name, attempts['process']]),
  )
  // Without a wall a session gets at the files and ports of another, and of the gateway.
  for (const name of ['read-session', 'write-session', 'connect-port', 'read-state'] as const) {
    assert.equal(outcomes[name]?.outcome, 'got-through', `${name}: ${outcomes[name]?.how ?? ''}`)
  }
  assert.equal(outcomes['write-shared']?.outcome, 'got-through')
  for (const name of ['fork-bomb', 'fill-disk', 'fill-memory', 'burn-cpu'] as const) {
    assert.deepEqual(outcomes[name], {
      outcome: 'not-tried',
      how: 'without limits it would take from everybody',
    })
  }
  const judged = judgeContainment(found, 'sandbox', 'process')
  assert.equal(judged.verdict, 'FAIL')
  assert.match(judged.reasons.join('\n'), /read-session got through/)
})

test('a server that serves all sessions from one process is found out', async (t) => {
  const folder = tempDir(t)
  const { url } = await startHttp(t, 'isolation-probe', {
    TMPDIR: folder,
    BERTH_WORKSPACE: folder,
  })
  const result = await drive(planFor(url.href, { sessions: 3, ratePerSecond: 100 }))
  const { verdict } = judgeSeparation(result, { toleratesFailures: true })
  assert.equal(verdict, 'FAIL')
  const where = new Set(result.evidence.leaks.map((leak) => leak.where))
  assert.deepEqual([...where], ['answer to tools/call recall'])
  const { matched } = result.evidence
  for (const channel of ['arguments', 'elicitation', 'sampling', 'progress', 'log'] as const) {
    assert.ok(matched[channel] >= 3, channel)
  }
})

test('the probe over HTTP behind Berth gives every session what is its own', async (t) => {
  const gateway = await startTestGateway(t, {
    probe: {
      command: ['node', compiled('src/load/probes/isolation-probe.js'), '--http'],
      http: true,
    },
  })
  const plan = planFor(gateway.mcp('probe'), { sessions: 3, durationMs: 200, ratePerSecond: 50 })
  const result = await drive(plan)
  assert.deepEqual(judgeSeparation(result, { toleratesFailures: false }), {
    verdict: 'PASS',
    reasons: [],
  })
})
