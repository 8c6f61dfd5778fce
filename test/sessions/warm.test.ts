import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import type { WarmWish } from '../../src/workers/warm/options.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock } from '../support/fake-clock.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import { meanwhile } from '../support/patience.ts'
import { alive, processesWith } from '../support/processes.ts'
import { postRpc } from '../support/raw-http.ts'
import { callTool, openSession } from '../support/raw-mcp.ts'
import { initializeMessage } from '../support/raw-session.ts'

const teller: [string, ...string[]] = ['node', compiled('test/fixtures/workers/tells-who.js')]
const warm = (min: number, more: Partial<WarmWish> = {}): WarmWish => ({
  min,
  max: min,
  maxAgeMs: 3_600_000,
  ...more,
})

interface About {
  session: string
  env: Record<string, string>
  cwd: string
}

/** So many wait now, and have been told of. */
const waiting = (gateway: TestGateway, count: number) =>
  eventually(() => {
    const gone = gateway.seen('warm.claimed').length + gateway.seen('warm.retired').length
    assert.equal(gateway.seen('warm.started').length - gone, count)
  })

suite('warm workers', { concurrency: 2 }, () => {
  test('become sessions with an id, folders and an environment of their own, each once', async (t) => {
    const gateway = await startTestGateway(t, {
      stdio: { command: teller, warm: warm(2) },
      http: { command: teller, http: true, warm: warm(1) },
      cold: { command: teller },
    })
    await waiting(gateway, 3)
    const started = gateway.seen('warm.started')
    const open = async (server: string) => {
      const target = { url: gateway.mcp(server) }
      const id = await openSession(target)
      const about = await callTool<About>(target, id, 'about')
      assert.equal(about.session, id)
      assert.equal(about.env['BERTH_SESSION_ID'], id)
      const root = join(gateway.stateDir, 'sessions', handleOf(id))
      assert.equal(about.env['BERTH_WORKSPACE'], join(root, 'workspace'))
      assert.equal(about.env['TMPDIR'], join(root, 'tmp'))
      assert.equal(about.cwd, join(root, 'workspace'))
      return { id, server }
    }
    // More come at once than there are.
    const opened = await Promise.all(
      ['stdio', 'stdio', 'stdio', 'stdio', 'http', 'http', 'cold'].map(open),
    )
    assert.equal(new Set(opened.map(({ id }) => id)).size, opened.length)
    const claimed = gateway.seen('warm.claimed').map(({ session }) => session)
    assert.equal(new Set(claimed).size, claimed.length)
    for (const { session, server } of started) {
      assert.ok(claimed.includes(session))
      assert.ok(opened.some(({ id, server: its }) => handleOf(id) === session && its === server))
    }
    assert.ok(gateway.seen('warm.missed').every(({ server }) => server !== 'cold'))
    assert.equal(gateway.seen('session.live').length, opened.length)
    // Others wait in their place.
    await waiting(gateway, 3)
    await gateway.close({ drainMs: 0 })
    assert.deepEqual(processesWith(gateway.stateDir), [])
    assert.deepEqual(readdirSync(join(gateway.stateDir, 'workers')), [])
  })

  test('are not handed out when they are dead, and others take their place', async (t) => {
    const gateway = await startTestGateway(t, { stdio: { command: teller, warm: warm(1) } })
    await waiting(gateway, 1)
    const [first] = gateway.seen('worker.started')
    const { session = '', pid = 0 } = first ?? {}
    process.kill(pid, 'SIGKILL')
    await eventually(() => assert.ok(!alive(pid)))
    const target = { url: gateway.mcp('stdio') }
    const id = await openSession(target)
    assert.equal((await callTool<About>(target, id, 'about')).session, id)
    // Another in its place may have been claimed, but never this one.
    const claimed = gateway.seen('warm.claimed').filter((event) => event.session === session)
    assert.deepEqual(claimed, [])
    // Nothing is left of what nobody had.
    if (handleOf(id) !== session) {
      await eventually(() => assert.ok(!existsSync(join(gateway.stateDir, 'sessions', session))))
    }
  })

  test('are replaced when they are too old, and end when nobody asked for long', async (t) => {
    const clock = movableClock()
    const gateway = await startTestGateway(
      t,
      { stdio: { command: teller, warm: warm(1, { max: 3, maxAgeMs: 8 * 3_600_000 }) } },
      {},
      { clock },
    )
    await waiting(gateway, 1)
    const target = { url: gateway.mcp('stdio') }
    await Promise.all([1, 2, 3].map(() => openSession(target)))
    await eventually(async () => {
      await clock.advance(1000)
      const gone = gateway.seen('warm.claimed').length + gateway.seen('warm.retired').length
      assert.equal(gateway.seen('warm.started').length - gone, 3)
    })
    await clock.advance(6 * 60_000)
    await eventually(() => {
      const reasons = gateway.seen('warm.retired').map(({ reason }) => reason)
      assert.deepEqual(reasons, ['not-needed', 'not-needed'])
    })
    const before = gateway.seen('warm.started').length
    await clock.advance(8 * 3_600_000)
    await gateway.saw('warm.retired', ({ reason }) => reason === 'age')
    await eventually(async () => {
      await clock.advance(1000)
      assert.ok(gateway.seen('warm.started').length > before)
    })
  })

  test('that come to nothing are tried ever more rarely, and told of once', async (t) => {
    const clock = movableClock()
    const gateway = await startTestGateway(
      t,
      {
        broken: {
          command: ['node', compiled('test/fixtures/workers/exits-with.js'), '3'],
          http: true,
          warm: warm(2),
        },
      },
      {},
      { clock },
    )
    await gateway.saw('warm.failed', ({ retryMs }) => retryMs > 900)
    for (let times = 2; times < 5; times += 1) {
      await eventually(async () => {
        await clock.advance(500)
        assert.ok(
          gateway.seen('warm.failed').some(({ retryMs }) => retryMs > 900 * 2 ** (times - 1)),
        )
      })
    }
    assert.equal(gateway.seen('operator.warned').length, 1)
    assert.match(
      gateway.seen('operator.warned')[0]?.message ?? '',
      /^No worker of broken is kept warm: .*exit code 3/,
    )
    assert.ok(gateway.seen('warm.failed').length < 15)
  })

  test('make room for sessions', async (t) => {
    const gateway = await startTestGateway(
      t,
      { stdio: { command: teller, warm: warm(2) }, other: { command: teller } },
      { caps: { maxSessions: 3 } },
    )
    await waiting(gateway, 2)
    const other = { url: gateway.mcp('other') }
    await openSession(other)
    await openSession(other)
    await waiting(gateway, 1)
    await openSession(other)
    await waiting(gateway, 0)
  })

  test('do not start while a client waits for a start', async (t) => {
    const never = compiled('test/fixtures/workers/never-listens.js')
    const gateway = await startTestGateway(
      t,
      {
        slow: { command: ['node', never], http: true },
        stdio: { command: teller, warm: warm(0, { max: 2 }) },
      },
      { caps: { maxStarting: 1 } },
    )
    const leaving = new AbortController()
    const { signal } = leaving
    const hang = postRpc(gateway.mcp('slow'), initializeMessage(), { signal }).catch(
      () => undefined,
    )
    await eventually(() => assert.equal(gateway.seen('session.opened').length, 1))
    await openSession({ url: gateway.mcp('stdio') })
    await gateway.saw('warm.missed')
    await meanwhile(700)
    assert.equal(gateway.seen('warm.started').length, 0)
    leaving.abort()
    await hang
    await gateway.saw('warm.started')
  })
})
