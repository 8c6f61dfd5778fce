import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, test } from 'node:test'

import { createLogger, logEvents } from '../../src/ground/log.ts'
import { adminToken } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient } from '../support/mcp-client.ts'

const gateway = await startTestGateway(
  { after },
  {
    sdk: {
      command: ['node', compiled('test/fixtures/workers/sdk-server.js')],
      http: true,
      env: { PATH: process.env['PATH'] ?? '', API_KEY: 'a-secret-value' },
    },
  },
)
const lines: string[] = []
const stream = new Writable({
  write(chunk: Buffer, _encoding, done) {
    lines.push(chunk.toString())
    done()
  },
})
logEvents(gateway.events, createLogger({ level: 'debug', isPretty: false, stream }))

test('a conversation is told in news: each question, its answer, and what came of it', async (t) => {
  const { call, sessionId, terminate } = await connectClient(t, gateway.mcp('sdk'), {
    elicitation: ({ message, mode }) => {
      if (mode === 'url' || message === 'yes') return { action: 'accept', content: {} }
      if (message === 'broken') throw new Error('I broke')
      return { action: message === 'no' ? 'decline' : 'cancel' }
    },
    sampling: () => 'a tip',
    roots: [],
    headers: { authorization: 'Bearer a-client-secret', 'x-api-key': 'another-secret' },
  })
  await call('ask', { questions: ['yes', 'no', 'well'] })
  await call('ask', { questions: ['broken'] })
  await call('link')
  await call('sample', { prompt: 'a private prompt' })
  await call('roots')
  const names = (['session.opened', 'session.live', 'worker.started'] as const).map(
    (name) => gateway.seen(name).length,
  )
  assert.deepEqual(names, [1, 1, 1])
  const about = { session: gateway.seen('session.opened')[0]!.session, server: 'sdk' }

  assert.deepEqual(
    gateway.seen('elicitation.requested'),
    ['form', 'form', 'form', 'form', 'url'].map((mode) => ({ ...about, mode })),
  )
  assert.deepEqual(
    gateway.seen('elicitation.answered'),
    ['accept', 'decline', 'cancel', 'error', 'accept'].map((outcome) => ({ ...about, outcome })),
  )
  assert.deepEqual(gateway.seen('sampling.requested'), [about])
  assert.deepEqual(gateway.seen('sampling.answered'), [{ ...about, outcome: 'answered' }])
  assert.deepEqual(gateway.seen('roots.requested'), [about])
  assert.deepEqual(gateway.seen('roots.answered'), [{ ...about, outcome: 'answered' }])

  await terminate()
  const closed = await gateway.saw('session.closed')
  assert.equal(closed.reason, 'client-deleted')
  assert.ok(closed.durationMs > 0)
  assert.deepEqual(closed.counts, { calls: 5, elicitations: 5, samplings: 1, progress: 0 })

  assert.ok(lines.length > 20)
  const secrets = [sessionId!, adminToken(gateway), 'secret', 'private', 'a tip', 'own-']
  for (const line of lines) {
    for (const secret of secrets) assert.equal(line.includes(secret), false, line)
  }
})

test('progress is told once a second at most, and counted each time', async (t) => {
  const { call, terminate } = await connectClient(t, gateway.mcp('sdk'))
  const before = gateway.seen('progress.reported').length
  await call('count', { to: 200 }, { onProgress: () => undefined })
  const told = gateway.seen('progress.reported').slice(before)
  assert.deepEqual(told[0], {
    session: gateway.seen('session.live').at(-1)!.session,
    server: 'sdk',
    progress: 1,
    total: 200,
    message: 'step 1',
  })
  assert.ok(told.length <= 5, String(told.length))
  await terminate()
  const { session } = gateway.seen('session.live').at(-1)!
  const { counts } = await gateway.saw('session.closed', (news) => news.session === session)
  assert.equal(counts.progress, 200)
})
