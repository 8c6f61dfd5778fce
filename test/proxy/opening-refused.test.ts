import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { BerthEvents } from '../../src/ground/events.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'

const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const refusing = (how: string): TestServer => ({
  command: ['node', fixture('refuses-initialize'), how],
  http: true,
})
const gateway = await startTestGateway(
  { after },
  {
    'http-error': refusing('http-error'),
    'rpc-error': refusing('rpc-error'),
    'streamed-error': refusing('streamed-error'),
    'web-page': refusing('web-page'),
    accepted: refusing('accepted'),
    cut: refusing('cut'),
    exit: refusing('exit'),
    never: { ...refusing('never'), startTimeoutMs: 1500 },
    deaf: {
      command: ['node', fixture('slow-start'), '/dev/null', '60000'],
      http: true,
      startTimeoutMs: 500,
    },
    'exits-stdio': { command: ['node', fixture('exits-at-once')] },
    'exits-http': { command: ['node', fixture('exits-at-once')], http: true },
    missing: { command: ['/no/such/program', '--token', '5'] },
  },
)

/** What a client gets that opens a session there, and how the session ends. */
async function open(server: string): Promise<[RawResponse, BerthEvents['session.closed']]> {
  const answer = await postRpc(gateway.mcp(server), initializeMessage())
  assert.equal(answer.headers['mcp-session-id'], undefined)
  const closed = await gateway.saw('session.closed', (news) => news.server === server)
  assert.equal(closed.reason, 'start-failed')
  const { session } = closed
  assert.deepEqual(processesWith(`/sessions/${session}/`), [])
  return [answer, closed]
}

/** An answer of the gateway's own: a code and the request, no word of what went wrong. */
async function ownError(answer: RawResponse, statusCode: number, code: string): Promise<void> {
  assert.equal(answer.status, statusCode)
  const { id, error } = await answer.json()
  assert.equal(id, 'init')
  assert.equal(error?.code, -32603)
  const { requestId, ...data } = error.data as { requestId: string }
  assert.deepEqual(data, { code })
  assert.match(error.message, new RegExp(`\\(${code}, request ${requestId}\\)$`))
}

describe('a client that opens a session is told', { concurrency: 4 }, () => {
  for (const server of ['http-error', 'rpc-error']) {
    test(`the worker's own refusal: ${server}`, async () => {
      const [answer, closed] = await open(server)
      assert.equal(answer.status, server === 'http-error' ? 403 : 200)
      assert.deepEqual(await answer.json(), {
        jsonrpc: '2.0',
        id: 'init',
        error: { code: -32602, message: 'I do not like this client.' },
      })
      assert.equal(closed.code, 'ERR_WORKERS_REFUSED')
    })
  }

  test("the worker's own refusal, as an event of a stream that it leaves open", async () => {
    const [answer, closed] = await open('streamed-error')
    assert.equal(answer.status, 200)
    const [event, ...more] = await answer.rest()
    assert.match(event?.data ?? '', /I do not like this client/)
    assert.deepEqual(more, [])
    assert.equal(closed.code, 'ERR_WORKERS_REFUSED')
  })

  for (const server of ['web-page', 'accepted']) {
    test(`that what answered speaks no MCP: ${server}`, async () => {
      const [answer, closed] = await open(server)
      await ownError(answer, 502, 'ERR_WORKERS_REFUSED')
      assert.equal(closed.code, 'ERR_WORKERS_REFUSED')
    })
  }

  test('that the worker cut the connection', async () => {
    const [answer] = await open('cut')
    await ownError(answer, 502, 'ERR_PROXY_WORKER_CUT')
  })

  test('that the worker never answered initialize', async () => {
    const [answer, closed] = await open('never')
    await ownError(answer, 504, 'ERR_WORKERS_START_TIMEOUT')
    assert.ok(closed.durationMs >= 1500)
  })

  test('that the worker never listened', async () => {
    const [answer] = await open('deaf')
    await ownError(answer, 504, 'ERR_WORKERS_START_TIMEOUT')
  })

  for (const server of ['exits-stdio', 'exits-http']) {
    test(`that the worker ended, and the operator is told how: ${server}`, async () => {
      const [answer, closed] = await open(server)
      await ownError(answer, 502, 'ERR_WORKERS_EXITED_EARLY')
      assert.equal(closed.code, 'ERR_WORKERS_EXITED_EARLY')
      assert.equal(closed.details?.['exitCode'], 3)
      assert.match(String(closed.details['command']), /exits-at-once/)
      assert.deepEqual(closed.details['lastLines'], [
        'Reading the settings.',
        'No settings found: set THE_SETTINGS.',
      ])
    })
  }

  test('that the worker ended while it was asked, and the operator is told how', async () => {
    const [answer, closed] = await open('exit')
    await ownError(answer, 502, 'ERR_WORKERS_EXITED_EARLY')
    assert.equal(closed.details?.['exitCode'], 9)
    assert.deepEqual(closed.details['lastLines'], ['I go home.'])
  })

  test('that the command does not exist', async () => {
    const [answer, closed] = await open('missing')
    await ownError(answer, 502, 'ERR_WORKERS_SPAWN')
    assert.equal(closed.details?.['command'], '/no/such/program --token 5')
  })
})

test('each of these sessions ended once', () => {
  const handles = (name: 'session.opened' | 'session.closed'): string[] =>
    gateway
      .seen(name)
      .map(({ session }) => session)
      .sort()
  assert.deepEqual(handles('session.closed'), handles('session.opened'))
})
