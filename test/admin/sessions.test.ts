import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import type { SessionView } from '../../src/admin/routes/sessions.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const env = { PATH: process.env['PATH'] ?? '', API_KEY: 'a-secret-value' }
const gateway = await startTestGateway(
  { after },
  {
    half: { command: ['node', fixture('half-said')], http: true, env },
    fails: { command: ['node', fixture('exits-at-once'), '${SHOWN}'], env },
  },
)
/** Everything that the admin listener said; nothing of it may be a secret. */
const said: string[] = []

async function ask(path: string, method = 'GET') {
  const answer = await askAdmin(gateway, path, { method })
  const text = await answer.text()
  said.push(text)
  const body = JSON.parse(text) as SessionView & { error: { code: string; message: string } }
  return { status: answer.status, body }
}
async function list(query = ''): Promise<SessionView[]> {
  const { body } = await ask(`/api/sessions${query}`)
  return (body as unknown as { sessions: SessionView[] }).sessions
}
const isRecent = (time: string | undefined): boolean =>
  Math.abs(Date.now() - Date.parse(time ?? '')) < 60_000

const session = await openRaw(gateway.mcp('half'))
await session.ask('finished')

test('open sessions are listed, by their handles', async () => {
  const [view, ...more] = await list()
  assert.deepEqual(more, [])
  assert.equal(view?.handle, session.handle)
  assert.equal(view.server, 'half')
  assert.equal(view.principal, 'anonymous')
  assert.equal(view.state, 'live')
  assert.equal(view.client, 'raw 1')
  assert.equal(view.protocolVersion, '2025-11-25')
  assert.equal(view.driver, 'process')
  assert.equal(typeof view.pid, 'number')
  assert.deepEqual(view.counts, { calls: 1, elicitations: 0, samplings: 0, progress: 0 })
  assert.ok(isRecent(view.openedAt) && isRecent(view.liveAt))
  assert.equal(Date.parse(view.maxEndsAt) - Date.parse(view.openedAt), 1_800_000)
  assert.ok(Date.parse(view.idleEndsAt ?? '') > Date.now())
  assert.equal(view.end, undefined)
})

test('a session is shown by its handle, the beginning of it, or its whole id', async () => {
  for (const name of [session.handle, session.handle.slice(0, 3), session.id]) {
    const { status, body } = await ask(`/api/sessions/${name}`)
    assert.deepEqual([status, body.handle], [200, session.handle])
    assert.equal(body.limits, undefined)
    if (process.platform === 'linux') assert.ok((body.usage?.peakMemoryBytes ?? 0) > 0)
  }
})

test('open exchanges are counted while they last', async () => {
  const open = async (): Promise<number> => (await list())[0]?.openExchanges ?? -1
  assert.equal(await open(), 0)
  const calls = [session.call('silent'), session.call('silent')]
  while ((await open()) < 2);
  await session.ask('release')
  await Promise.all(calls)
  assert.equal(await open(), 0)
})

test('a session that nobody has is not found', async () => {
  for (const [path, method] of [
    ['/api/sessions/zzzzzzzz', 'GET'],
    ['/api/sessions/zzzzzzzz', 'DELETE'],
    ['/api/sessions/zzzzzzzz/logs', 'GET'],
  ] as const) {
    const { status, body } = await ask(path, method)
    assert.deepEqual([status, body.error.code], [404, 'ERR_ADMIN_UNKNOWN_SESSION'])
  }
  const { body } = await ask('/api/sessions/0123456789abcdef')
  assert.doesNotMatch(body.error.message, /0123456789/)
})

test('what cannot be understood is refused with the reason', async () => {
  for (const path of [
    '/api/sessions?all=perhaps',
    `/api/sessions/${session.handle}/logs?lines=-1`,
  ]) {
    const { status, body } = await ask(path)
    assert.deepEqual([status, body.error.code], [400, 'ERR_ADMIN_BAD_REQUEST'])
    assert.match(body.error.message, /all|lines/)
  }
  for (const path of ['/', '/api', '/api/sessions/a/b', '/servers/half/mcp']) {
    const { status, body } = await ask(path)
    assert.deepEqual([status, body.error.code], [404, 'ERR_ADMIN_NOT_FOUND'])
  }
})

test('a failed start is remembered, with the command, exit code and last lines', async () => {
  const answer = await postRpc(gateway.mcp('fails'), initializeMessage())
  assert.equal(answer.status, 502)
  await gateway.saw('session.closed')
  assert.deepEqual(
    (await list()).map(({ server }) => server),
    ['half'],
  )
  const failed = (await list('?all=true')).find(({ server }) => server === 'fails')
  assert.equal(failed?.state, 'closed')
  const { body } = await ask(`/api/sessions/${failed.handle}`)
  assert.deepEqual(body, failed)
  assert.equal(body.end?.reason, 'start-failed')
  assert.ok(isRecent(body.end.at))
  assert.match(body.end.message ?? '', /exit code 3/)
  const { command, exitCode, lastLines } = body.end.details ?? {}
  assert.equal(command, `node ${fixture('exits-at-once')} \${SHOWN}`)
  assert.equal(exitCode, 3, JSON.stringify(body))
  assert.deepEqual(lastLines, ['Reading the settings.', 'No settings found: set THE_SETTINGS.'])
})

test('a session is stopped, and stopping it again changes nothing', async () => {
  const { status, body } = await ask(`/api/sessions/${session.handle}`, 'DELETE')
  assert.equal(status, 200)
  assert.deepEqual([body.state, body.end?.reason], ['closed', 'stopped'])
  if (process.platform === 'linux') assert.ok((body.usage?.cpuMs ?? 0) > 0)
  assert.equal((await session.call('any')).status, 404)
  const again = await ask(`/api/sessions/${session.handle}`, 'DELETE')
  assert.equal(again.status, 200)
  assert.deepEqual(again.body, body)
  assert.deepEqual(await list(), [])
  assert.equal((await list('?all=true')).length, 2)
})

test('in all that was said there is no public id and no secret', () => {
  assert.ok(said.length > 10)
  for (const text of said) {
    assert.equal(text.includes(session.id), false, text)
    assert.equal(text.includes('a-secret-value'), false, text)
    assert.equal(text.includes('own-id-of-the-worker'), false, text)
    assert.equal(text.includes('.sock'), false, text)
  }
})
