import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import { createSessionDirectories } from '../../src/sessions/directories.ts'
import { createTrash } from '../../src/sessions/folders/trash.ts'
import { createSessions } from '../../src/sessions/manager.ts'
import type { Session } from '../../src/sessions/session.ts'
import { createMemoryStore } from '../../src/sessions/stores/memory.ts'
import { createRemoteDriver } from '../../src/workers/drivers/remote.ts'
import { createSupervisor } from '../../src/workers/supervisor.ts'
import { atEnd } from '../support/at-end.ts'
import { testServer } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { tempDir } from '../support/temp.ts'

/** Sessions on servers that are not started here, so that only their number matters. */
function startSessions(
  t: TestContext,
  caps: { maxSessions: number; maxSessionsPerPrincipal: number },
) {
  const clock = fakeClock()
  const events = createEvents()
  const lifecycle = { idleMs: 60_000, maxMs: 600_000 }
  const server = testServer('remote', { url: 'http://127.0.0.1:9/mcp', lifecycle })
  const driver = createRemoteDriver({ launchOf: () => undefined })
  const closed: string[] = []
  events.on('session.closed', ({ session, reason }) => closed.push(`${session} ${reason}`))
  const sessions = createSessions({
    clock,
    events,
    store: createMemoryStore({ clock }),
    supervisor: createSupervisor({
      clock,
      events,
      drivers: new Map([['remote', driver]]),
      owner: { bootId: 'b', pid: 1, startTime: '1' },
    }),
    directories: createSessionDirectories(
      tempDir(t),
      { maxAgeMs: 1000, maxTotalBytes: 1_000_000 },
      createTrash({ folder: tempDir(t), clock, events }),
    ),
    caps: { maxStarting: 10, maxQueued: 10, minFreeMemory: 0, ...caps },
    freeMemory: () => undefined,
    host: 'h',
    owner: 'o',
    installation: 'i',
    servers: [server],
    outputMaxBytes: 1000,
    goodbye: () => Promise.resolve(),
  })
  atEnd(t, () => sessions.drain(0))
  const open = async (principal: string): Promise<Session> => {
    const session = await sessions.open(server, { principal }, new AbortController().signal)
    const names = { workerSessionId: undefined, protocolVersion: undefined, client: undefined }
    await sessions.bind(session, names)
    clock.advance(10)
    return session
  }
  return { open, sessions, closed, clock }
}

test("over its own cap a principal's longest idle session makes room, and nobody else's", async (t) => {
  const { open, closed } = startSessions(t, { maxSessions: 10, maxSessionsPerPrincipal: 2 })
  await open('eve')
  const first = await open('adam')
  const second = await open('adam')
  first.touch()
  await open('adam')
  assert.deepEqual(closed, [`${second.handle} evicted`])
  await open('eve')
  assert.equal(closed.length, 1)
})

test('a principal whose sessions are all busy gets 429', async (t) => {
  const { open, closed } = startSessions(t, { maxSessions: 10, maxSessionsPerPrincipal: 2 })
  const busy = [await open('adam'), await open('adam')].map((session) => session.carry())
  await assert.rejects(open('adam'), {
    code: 'ERR_SESSIONS_PRINCIPAL_FULL',
    statusCode: 429,
    retryAfterSeconds: 10,
    message: /2 sessions/,
  })
  assert.deepEqual(closed, [])
  busy[0]?.()
  await open('adam')
  assert.equal(closed.length, 1)
})

test('a full gateway takes no place away from others: 503', async (t) => {
  const { open, closed } = startSessions(t, { maxSessions: 2, maxSessionsPerPrincipal: 2 })
  await open('eve')
  const adams = await open('adam')
  await assert.rejects(open('cain'), {
    code: 'ERR_SESSIONS_FULL',
    statusCode: 503,
    retryAfterSeconds: 30,
  })
  assert.deepEqual(closed, [])
  assert.equal(adams.end, undefined)
})

test('a session belongs to its principal, and to others it is as if it did not exist', async (t) => {
  const { open, sessions } = startSessions(t, { maxSessions: 9, maxSessionsPerPrincipal: 2 })
  const { id } = await open('adam')
  assert.equal(sessions.find(id, 'remote', 'adam')?.id, id)
  assert.equal(sessions.find(id, 'remote', 'eve'), undefined)
  assert.equal(sessions.find(id, 'other', 'adam'), undefined)
  await sessions.close(sessions.find(id, 'remote', 'adam')!, 'stopped')
  const toOwner = await sessions.explain(id, 'remote', 'adam')
  assert.equal(toOwner.data?.['reason'], 'stopped')
  for (const [server, who] of [
    ['remote', 'eve'],
    ['other', 'adam'],
  ] as const) {
    const { code, data } = await sessions.explain(id, server, who)
    assert.deepEqual([code, data], ['ERR_SESSIONS_NOT_FOUND', undefined])
  }
})

test('deadlines are kept to the quarter of a second', async (t) => {
  const { open, closed, clock } = startSessions(t, { maxSessions: 9, maxSessionsPerPrincipal: 9 })
  const session = await open('adam')
  await clock.advanceSettling(59_000)
  assert.deepEqual(closed, [])
  const release = session.carry()
  await clock.advanceSettling(120_000)
  assert.deepEqual(closed, [])
  release()
  await clock.advanceSettling(59_700)
  assert.deepEqual(closed, [])
  await clock.advanceSettling(600)
  await eventually(() => assert.deepEqual(closed, [`${session.handle} idle`]))

  const busy = await open('eve')
  busy.carry()
  await clock.advanceSettling(599_500)
  assert.equal(closed.length, 1)
  await clock.advanceSettling(900)
  await eventually(() => assert.equal(closed[1], `${busy.handle} max-lifetime`))
})
