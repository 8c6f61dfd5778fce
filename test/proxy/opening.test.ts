import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { carries, postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const worker = (name: string, ...args: string[]): TestServer => ({
  command: ['node', compiled(`test/fixtures/workers/${name}.js`), ...args],
  http: true,
})
const gateway = await startTestGateway(
  { after },
  {
    echo: worker('echo'),
    'no-id': worker('echo', 'no-id'),
    slow: worker('refuses-initialize', 'slow'),
    stream: worker('refuses-initialize', 'late-stream'),
    relayed: { ...worker('refuses-initialize', 'late-stream'), relay: true },
  },
)

test('a session is opened, live, and known to the client, in this order', async () => {
  const answer = await postRpc(gateway.mcp('slow'), initializeMessage('2025-06-18'))
  const handles = (['session.opened', 'worker.started', 'session.live'] as const).map(
    (name) => gateway.seen(name)[0]?.session,
  )
  assert.equal(new Set(handles).size, 1)
  assert.equal(answer.status, 200)
  assert.match(String(answer.headers['mcp-session-id']), /^[0-9a-f-]{36}$/)
  const { id, result } = await answer.json()
  assert.equal(id, 'init')
  assert.equal((result as { protocolVersion: string }).protocolVersion, '2025-06-18')
  const { protocolVersion, startMs } = gateway.seen('session.live')[0]!
  assert.equal(protocolVersion, '2025-06-18')
  assert.ok(startMs >= 400)
})

for (const server of ['stream', 'relayed']) {
  test(`a result that comes as an event opens a session, whatever came before it: ${server}`, async () => {
    const answer = await postRpc(gateway.mcp(server), initializeMessage())
    const live = gateway.seen('session.live').some((news) => news.server === server)
    assert.ok(live, 'the head came before the session was live')
    assert.match(String(answer.headers['mcp-session-id']), /^[0-9a-f-]{36}$/)
    assert.equal(answer.headers['content-type'], 'text/event-stream')
    const events = await answer.rest()
    assert.deepEqual(
      events.map(
        ({ data }) => (JSON.parse(data) as { id?: string; params?: object }).params ?? 'result',
      ),
      [{ data: 'early' }, 'result', { data: 'on' }],
    )
    assert.deepEqual(answer.comments, ['good morning'])
  })
}

test('a worker without an id of its own is served like any other', async () => {
  const session = await openRaw(gateway.mcp('no-id'))
  const { headers } = await session.ask<{ headers: object }>('headers')
  assert.equal('mcp-session-id' in headers, false)
  assert.equal((await session.remove()).status, 200)
  await gateway.saw('session.closed', (news) => news.session === session.handle)
})

test("the worker's own id goes to it, and never to the client", async () => {
  const session = await openRaw(gateway.mcp('echo'))
  const log = { jsonrpc: '2.0', method: 'notifications/message', params: {} }
  const { headers } = await session.ask<{ headers: Record<string, string> }>('headers')
  assert.equal(headers['mcp-session-id'], 'own-id-of-the-worker')
  const answers = {
    opened: session.opened,
    json: await session.call('pid'),
    stream: await session.call('stream', { notification: log }),
    accepted: await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    get: await session.stream(),
    resumed: await session.stream({ lastEventId: '5' }),
    again: await session.post(initializeMessage()),
    removed: await session.remove(),
  }
  for (const [name, { rawHeaders }] of Object.entries(answers)) {
    const ids = rawHeaders.filter((_, at) => rawHeaders[at - 1]?.toLowerCase() === 'mcp-session-id')
    assert.deepEqual(ids, [session.id], name)
    assert.doesNotMatch(rawHeaders.join('\n'), /own-id/, name)
  }
  assert.deepEqual(
    (await answers.stream.until(carries(({ id }) => id !== undefined))).map(({ event }) => event),
    ['message', 'message'],
  )
})

test('two sessions have a worker each', async () => {
  const [one, two] = await Promise.all([openRaw(gateway.mcp('echo')), openRaw(gateway.mcp('echo'))])
  const line = `I am of ${one.handle}`
  await one.ask('print', { line })
  const received = async (session: typeof one): Promise<string> =>
    JSON.stringify(await session.ask('received'))
  assert.match(await received(one), new RegExp(line))
  assert.doesNotMatch(await received(two), new RegExp(line))
})
