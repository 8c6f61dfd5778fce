import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { profileOf } from '../../src/load/drive/profiles.ts'
import type { LoadPlan } from '../../src/load/drive/plan.ts'
import { judgeSeparation } from '../../src/load/verdict.ts'
import { createMarkers } from '../../src/workers/markers.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { needed } from '../support/needs.ts'
import { pythonKeeps } from '../support/python.ts'
import { skipWithoutNamespace, skipWithoutSandbox } from '../workers/rig.ts'
import { drive, planFor } from './rig.ts'

const python = needed('python3')
const probe: [string, string] = ['node', compiled('src/load/probes/isolation-probe.js')]
const sessions = 3

/** Every way in which a session gets to its worker sooner, or shares something that is not its worker. */
const ways: Record<string, { server: TestServer; plan: Partial<LoadPlan> }> = {
  'of a shared keeper': {
    server: { command: probe, sessionsPerKeeper: 8 },
    plan: { profile: 'mixed' },
  },
  'of a shared keeper, started ahead': {
    server: {
      command: probe,
      sessionsPerKeeper: 8,
      warm: { min: sessions, max: sessions, maxAgeMs: 600_000 },
    },
    // A worker that has served one session is nobody's any more.
    plan: { profile: 'churn', ratePerSecond: 40 },
  },
  'started ahead, over HTTP': {
    server: {
      command: [...probe, '--http'],
      http: true,
      warm: { min: sessions, max: sessions, maxAgeMs: 600_000 },
    },
    plan: { profile: 'mixed' },
  },
  'of a template': {
    server: {
      command: [python.skip === false ? python.path : '', pythonKeeps],
      preload: ['json', 'random', 'tempfile'],
    },
    plan: { profile: 'churn', ratePerSecond: 40 },
  },
  ...(skipWithoutSandbox === false
    ? {
        'of a template, in a sandbox, of a shared keeper': {
          server: {
            command: [python.skip === false ? python.path : '', pythonKeeps] as [string, string],
            preload: ['json', 'random'],
            driver: 'sandbox' as const,
            sessionsPerKeeper: 8,
          },
          plan: { profile: 'churn' as const, ratePerSecond: 40 },
        },
      }
    : {}),
}

test(
  'no worker bears a trace of another session',
  { skip: python.skip || skipWithoutNamespace },
  async (t) => {
    const entries = Object.entries(ways)
    const servers = Object.fromEntries(entries.map(([, { server }], at) => [`s${at}`, server]))
    const gateway = await startTestGateway(t, servers)
    const isOf = (name: string) => (news: { server: string }) => news.server === name
    const templates = entries.filter(([, { server }]) => server.preload !== undefined).length
    await eventually(() => assert.equal(gateway.seen('template.ready').length, templates))
    const warm = entries.flatMap(([, { server }], at) =>
      server.warm === undefined ? [] : [`s${at}`],
    )
    await eventually(() => {
      for (const name of warm) {
        assert.equal(gateway.seen('warm.started').filter(isOf(name)).length, sessions)
      }
    })
    // What waits shares a keeper, and so will the sessions that it becomes.
    const waiting = createMarkers(join(gateway.stateDir, 'workers')).all()
    const keepers = waiting
      .filter(({ server }) => server === 's1')
      .map(({ handle }) => handle['pid'])
    assert.deepEqual([keepers.length, new Set(keepers).size], [sessions, 1])
    await Promise.all(
      entries.map(([way, { plan }], at) =>
        t.test(way, async () => {
          const wanted = { sessions, durationMs: 800, ratePerSecond: 60, ...plan }
          const about = planFor(gateway.mcp(`s${at}`), wanted)
          const result = await drive(about)
          const judged = judgeSeparation(result, { toleratesFailures: false })
          assert.deepEqual(judged, { verdict: 'PASS', reasons: [] })
          const { matched } = result.evidence
          for (const channel of profileOf(about).required)
            assert.ok(matched[channel] >= sessions, channel)
        }),
      ),
    )
    // And it was done in that way.
    for (const name of warm) {
      assert.ok(gateway.seen('warm.claimed').filter(isOf(name)).length >= sessions, name)
    }
    const forked = gateway.seen('template.used').map(({ outcome }) => outcome)
    assert.ok(forked.length >= templates * sessions)
    assert.deepEqual([...new Set(forked)], ['forked'])
  },
)
