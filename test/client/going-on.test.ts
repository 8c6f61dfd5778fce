import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'

import { connect } from '../../src/client/connect.ts'
import type { Connection, ConnectOptions, Handlers } from '../../src/client/connect.ts'
import { accept } from '../demo/support.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/sdk-stdio.js')]
const gateway = await startTestGateway({ after }, { stdio: { command } })
const url = new URL(gateway.mcp('stdio'))

async function dial(
  t: TestContext,
  options: ConnectOptions,
  handlers: Partial<Handlers> = {},
): Promise<Connection> {
  const nobody = {
    elicit: () => Promise.reject(new Error('asked')),
    sample: () => Promise.reject(new Error('asked')),
    notified: () => undefined,
  }
  const connection = await connect(url, { ...nobody, ...handlers }, options)
  t.after(() => connection.leave())
  return connection
}

async function call(
  { client, request }: Connection,
  name: string,
  args: Record<string, unknown> = {},
  stop?: AbortSignal,
): Promise<unknown> {
  const params = { name, arguments: args }
  const { content } = await request(
    (options) => client.callTool(params, undefined, options),
    () => undefined,
    stop,
  )
  return (content as { text: string }[])[0]?.text
}

test('a client that goes on has all that was agreed on, and is asked what it asks for', async (t) => {
  const first = await dial(t, {})
  const { sessionId: id = '', agreed } = first
  assert.equal(agreed?.server.name, 'sdk-stdio')
  const second = await dial(
    t,
    { session: { id, agreed } },
    { elicit: () => Promise.resolve(accept({ answer: 'from the second' })) },
  )
  assert.equal(await call(second, 'ask', { questions: ['Who?'] }), '["from the second"]')
  assert.equal(second.offers('logging'), true)
  assert.equal(second.offers('prompts'), false)
  assert.equal(gateway.seen('session.live').length, 1, 'nothing was initialized again')
})

test('calls of several clients in one session, open at once, do not mix', async (t) => {
  let hangs = 0
  const counting = {
    notified: (_method: string, { data }: Record<string, unknown>): void => {
      if (data === 'hanging') hangs += 1
    },
  }
  const first = await dial(t, {}, counting)
  const session = { id: first.sessionId ?? '', agreed: undefined }
  const others = await Promise.all([1, 2].map(() => dial(t, { session }, counting)))
  const all = [first, ...others]
  // Each has counted to the same ids.
  const numbers = all.map((_, index) => 20 + index)
  const answers = await Promise.all(
    all.map((connection, index) => call(connection, 'count', { to: numbers[index] })),
  )
  assert.deepEqual(answers, numbers.map(String))

  const stops = all.map(() => new AbortController())
  const hanging = all.map((connection, index) =>
    call(connection, 'hang', {}, stops[index]?.signal).catch(() => 'stopped'),
  )
  // A server can only be told to stop what it has begun.
  await eventually(() => assert.equal(hangs, 3))
  stops[1]?.abort()
  assert.equal(await hanging[1], 'stopped')
  await eventually(async () => assert.equal(await call(first, 'cancellations'), '1'))
  stops[0]?.abort()
  stops[2]?.abort()
  await Promise.all(hanging)
})

test('the end of a session is told to whoever listens, without a request', async (t) => {
  const reasons: unknown[] = []
  let told = (): void => undefined
  const isTold = new Promise<void>((resolve) => (told = resolve))
  const connection = await dial(t, {
    onGone({ data }) {
      reasons.push(data['reason'])
      told()
    },
  })
  // Its stream is open once a message has come on it.
  await call(connection, 'log', { line: 'x' })
  const sessions = await askAdmin(gateway, '/api/sessions')
  const { sessions: open } = await sessions.json<{ sessions: { handle: string }[] }>()
  for (const { handle } of open) {
    await askAdmin(gateway, `/api/sessions/${handle}`, { method: 'DELETE' })
  }
  await isTold
  assert.equal(reasons[0], 'stopped')
})
