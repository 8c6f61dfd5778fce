import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { EndReason } from '../../src/ground/events.ts'
import { askAdmin } from '../support/admin.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { longEnoughMs } from '../support/patience.ts'
import { descendants, processesWith } from '../support/processes.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'

const half: TestServer = {
  command: ['node', compiled('test/fixtures/workers/half-said.js')],
  http: true,
}
const gateway = await startTestGateway(
  { after },
  {
    half,
    stdio: { command: ['node', compiled('test/fixtures/workers/sdk-stdio.js')] },
    rude: {
      command: ['node', compiled('test/fixtures/workers/never-answers.js'), 'DELETE'],
      http: true,
    },
  },
)

/** The pid of a worker's server process, as this machine counts. */
function serverOf({ handle }: RawSession): number {
  const found = processesWith(`/sessions/${handle}/`).filter(
    ({ pid }) => descendants(pid).length === 0,
  )
  assert.equal(found.length, 1)
  return found[0]!.pid
}

async function endsWith(session: RawSession, reason: EndReason): Promise<void> {
  const closed = await gateway.saw('session.closed', (news) => news.session === session.handle)
  assert.equal(closed.reason, reason)
  assert.deepEqual(processesWith(`/sessions/${session.handle}/`), [])
  const late = await session.call('any')
  assert.equal(late.status, 404)
  const { data } = (await late.json()).error ?? {}
  assert.equal((data as { reason: string }).reason, reason)
  const missed = gateway.seen('session.missed').filter((news) => news.session === session.handle)
  assert.equal(missed.at(-1)?.reason, reason)
}

describe('a session ends', { concurrency: 2 }, () => {
  test('when its client deletes it, at once', async () => {
    const session = await openRaw(gateway.mcp('half'))
    const removed = await session.remove()
    assert.equal(removed.status, 200)
    assert.equal((await session.call('any')).status, 404)
    assert.equal((await session.remove()).status, 404)
    await endsWith(session, 'client-deleted')
  })

  test('without its worker, if that does not answer the goodbye', async () => {
    const session = await openRaw(gateway.mcp('rude'))
    await session.remove()
    const removedMs = performance.now()
    await endsWith(session, 'client-deleted')
    assert.ok(performance.now() - removedMs < longEnoughMs)
  })

  for (const server of ['half', 'stdio']) {
    test(`when its worker is killed, and open calls hear of it: ${server}`, async () => {
      const session = await openRaw(gateway.mcp(server))
      const name = server === 'half' ? 'silent' : 'hang'
      const call = session.call(name)
      await gateway.saw('exchange.started', (news) => news.session === session.handle)
      if (server === 'stdio') await call
      process.kill(serverOf(session), 'SIGKILL')
      const killedMs = performance.now()
      const answer = await call
      const text = await answer.text()
      assert.match(text, /"error":/)
      assert.match(text, /"id":1\b/)
      assert.ok(performance.now() - killedMs < longEnoughMs)
      await endsWith(session, 'worker-exited')
      const { details, code } = gateway
        .seen('session.closed')
        .find((news) => news.session === session.handle)!
      assert.equal(code, 'ERR_SESSIONS_ENDED')
      assert.equal(details?.['signal'], 'SIGKILL')
    })
  }

  test('when the operator stops it', async () => {
    const session = await openRaw(gateway.mcp('half'))
    const call = session.call('silent')
    await gateway.saw('exchange.started', (news) => news.session === session.handle)
    const stopped = await askAdmin(gateway, `/api/sessions/${session.handle}`, { method: 'DELETE' })
    const { state, end } = await stopped.json<{ state: string; end: { reason: string } }>()
    assert.deepEqual([state, end.reason], ['closed', 'stopped'])
    const answer = await call
    assert.equal(answer.status, 502)
    assert.match(await answer.text(), /"reason":"stopped"/)
    await endsWith(session, 'stopped')
  })

  test('for the first of several reasons', async () => {
    const session = await openRaw(gateway.mcp('half'))
    const pid = serverOf(session)
    const removing = session.remove()
    await removing
    process.kill(pid, 'SIGKILL')
    const stop = await askAdmin(gateway, `/api/sessions/${session.handle}`, { method: 'DELETE' })
    assert.equal(stop.status, 200)
    await endsWith(session, 'client-deleted')
    const closed = gateway.seen('session.closed').filter((news) => news.session === session.handle)
    assert.equal(closed.length, 1)
  })
})
