import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import {
  ElicitationCompleteNotificationSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
const gateway = await startTestGateway(
  { after },
  { http: { command, http: true }, stdio: { command } },
)

async function converse(server: string) {
  const asked: string[] = []
  const connected = await connectClient({ after }, gateway.mcp(server), {
    elicitation({ message, mode }) {
      asked.push(message)
      if (message === 'Why?') return { action: 'decline' }
      if (message === 'Really?') return { action: 'cancel' }
      if (mode === 'url') return { action: 'accept' }
      return { action: 'accept', content: { answer: message.toUpperCase() } }
    },
    sampling: ({ messages }) => `you said ${JSON.stringify(messages[0]?.content)}`,
    roots: [{ uri: 'file:///home', name: 'home' }],
  })
  return { ...connected, server, asked, session: gateway.seen('session.live').at(-1)?.session }
}

// Before the first test: the gateway is closed when there seems to be none left.
const conversations = [await converse('http'), await converse('stdio')]

for (const { client, call, terminate, server, asked, session } of conversations) {
  describe(`the official client and an SDK server over ${server}`, () => {
    test('answer, decline and cancel what the server asks', async () => {
      const questions = ['Who?', 'Why?', 'Really?', 'Where?']
      const result = await call('ask', { questions })
      assert.equal(textOf(result), '["WHO?","decline","cancel","WHERE?"]')
      assert.deepEqual(asked, questions)
    })

    test('sample, list roots and ping both ways', async () => {
      assert.match(textOf(await call('sample', { prompt: 'tips' })), /you said .*tips/)
      assert.equal(textOf(await call('roots')), '[{"uri":"file:///home","name":"home"}]')
      assert.equal(textOf(await call('ping')), '{}')
      assert.deepEqual(await client.ping(), {})
    })

    test('follow a link and learn that it was followed', async () => {
      const completed = new Promise((resolve) =>
        client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) =>
          resolve(params.elicitationId),
        ),
      )
      assert.equal(textOf(await call('link')), '"accept"')
      assert.equal(await completed, 'e-1')
    })

    test('see progress, in order and all of it', async () => {
      const steps: unknown[] = []
      const onProgress = ({ progress, total }: { progress: number; total?: number | undefined }) =>
        void steps.push([progress, total])
      assert.equal(textOf(await call('count', { to: 50 }, { onProgress })), '50')
      assert.deepEqual(
        steps,
        Array.from({ length: 50 }, (_, at) => [at + 1, 50]),
      )
    })

    test('see log lines and resources that change', async () => {
      const lines: unknown[] = []
      const changed: string[] = []
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
        lines.push(params.data)
      })
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        changed.push(params.uri)
      })
      await client.setLoggingLevel('debug')
      await call('log', { line: 'hello' })
      await eventually(() => assert.deepEqual(lines, ['hello']))

      const { resources } = await client.listResources()
      const uri = resources[0]?.uri ?? ''
      const { contents } = await client.readResource({ uri })
      assert.deepEqual(contents, [{ uri, text: 'a note' }])
      await client.subscribeResource({ uri })
      await call('change', { uri })
      await eventually(() => assert.deepEqual(changed, [uri]))
      await client.unsubscribeResource({ uri })
      await call('change', { uri })
      assert.deepEqual(changed, [uri])
    })

    test('call off a call, which the server learns', async () => {
      const hanging = new Promise((resolve) =>
        client.setNotificationHandler(LoggingMessageNotificationSchema, resolve),
      )
      const off = new AbortController()
      const hung = call('hang', {}, { signal: off.signal })
      await hanging
      off.abort('enough')
      await assert.rejects(hung, /enough/)
      await eventually(async () => assert.equal(textOf(await call('cancellations')), '1'))
      const outcomes = gateway.seen('exchange.ended').filter((news) => news.session === session)
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'cancelled').length, 1)
    })

    test('hold many conversations at once', async () => {
      const names = Array.from({ length: 12 }, (_, at) => `n${at}`)
      const results = await Promise.all(
        names.map((name) => call('ask', { questions: [`${name}a`, `${name}b`] })),
      )
      assert.deepEqual(
        results.map(textOf),
        names.map((name) => JSON.stringify([`${name.toUpperCase()}A`, `${name.toUpperCase()}B`])),
      )
    })

    test('run a task that asks something before it has a result', async () => {
      await client.listTools()
      const seen: string[] = []
      let result: Record<string, unknown> = {}
      const running = client.experimental.tasks.callToolStream(
        { name: 'task', arguments: { question: 'How many?' } },
        undefined,
        { task: { ttl: 60_000 }, timeout: 10_000 },
      )
      for await (const message of running) {
        seen.push(message.type)
        if (message.type === 'result') result = message.result
      }
      assert.equal(seen[0], 'taskCreated')
      assert.deepEqual(result['content'], [{ type: 'text', text: '"HOW MANY?"' }])
      const { tasks } = await client.experimental.tasks.listTasks()
      assert.equal(tasks[0]?.status, 'completed')
    })

    test('part, and what was said has been counted', async () => {
      await terminate()
      const closed = await gateway.saw('session.closed', (news) => news.session === session)
      assert.equal(closed.reason, 'client-deleted')
      const { calls, elicitations, samplings, progress } = closed.counts
      assert.deepEqual([elicitations, samplings, progress], [4 + 1 + 24 + 1, 1, 50])
      assert.ok(calls > 20)
    })
  })
}
