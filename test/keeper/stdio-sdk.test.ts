import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import test from 'node:test'

import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'

import { startSdk } from './sdk-rig.ts'
import type { SdkRig } from './sdk-rig.ts'

/** Answers every question by itself in capitals. */
function answerQuestions({ client }: SdkRig): void {
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
    action: 'accept',
    content: { answer: params.message.toUpperCase() },
  }))
}

test('the official client is asked questions, samples and names its roots', async (t) => {
  const rig = await startSdk(t)
  answerQuestions(rig)
  rig.client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'm',
    role: 'assistant',
    content: { type: 'text', text: 'sampled' },
  }))
  const roots = [{ uri: 'file:///home', name: 'home' }]
  rig.client.setRequestHandler(ListRootsRequestSchema, () => ({ roots }))
  assert.deepEqual(await rig.call('ask', { questions: ['a', 'b', 'c'] }), ['A', 'B', 'C'])
  assert.deepEqual(await rig.call('sample', { prompt: 'p' }), { type: 'text', text: 'sampled' })
  assert.deepEqual(await rig.call('roots'), roots)
  assert.deepEqual(rig.garbage, ['This line on stdout is no message.'])
  assert.equal(rig.transport.sessionId, 'sdk-session')
})

test('progress, logging and resource subscriptions reach the official client', async (t) => {
  const rig = await startSdk(t)
  const news: unknown[] = []
  rig.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    news.push(params.data)
  })
  rig.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    news.push(params.uri)
  })
  const steps: number[] = []
  const onprogress = ({ progress }: { progress: number }): void => void steps.push(progress)
  assert.equal(await rig.call('count', { to: 5 }, { onprogress }), 5)
  assert.deepEqual(steps, [1, 2, 3, 4, 5])
  await rig.call('log', { line: 'hello' })
  await rig.client.subscribeResource({ uri: 'note://1' })
  await rig.call('touch', { uri: 'note://1' })
  const { contents } = await rig.client.readResource({ uri: 'note://1' })
  assert.deepEqual(contents, [{ uri: 'note://1', text: 'a note' }])
  assert.deepEqual(news, ['hello', 'note://1'])
})

test('questions and progress of parallel calls do not mix', async (t) => {
  const rig = await startSdk(t)
  answerQuestions(rig)
  const counts = Array.from({ length: 10 }, async (_, n) => {
    const steps: number[] = []
    const onprogress = ({ progress }: { progress: number }): void => void steps.push(progress)
    assert.equal(await rig.call('count', { to: n }, { onprogress }), n)
    assert.equal(steps.length, n)
  })
  const questions = Array.from({ length: 10 }, async (_, n) => {
    assert.deepEqual(await rig.call('ask', { questions: [`q${n}`, 'x'] }), [`Q${n}`, 'X'])
  })
  await Promise.all([...counts, ...questions])
})

test('a cancelled call is cancelled in the server too', async (t) => {
  const rig = await startSdk(t)
  const hanging = new Promise((resolve) => {
    rig.client.setNotificationHandler(LoggingMessageNotificationSchema, resolve)
  })
  const abort = new AbortController()
  const call = rig.call('hang', {}, { signal: abort.signal })
  await hanging
  abort.abort('enough')
  await assert.rejects(call)
  assert.equal(await rig.call('cancellations'), 1)
})

test('a call whose connections are cut during a question is resumed and answered', async (t) => {
  const rig = await startSdk(t)
  const questions = new EventEmitter()
  rig.client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    const answered = once(questions, `answer ${params.message}`)
    questions.emit(`asked ${params.message}`)
    const [answer] = (await answered) as [string]
    return { action: 'accept', content: { answer } }
  })
  const asked = once(questions, 'asked first')
  const call = rig.call('ask', { questions: ['first', 'second', 'third'] })
  await asked

  // The second question is asked while no connection is there.
  await rig.cutStreams()
  const askedAgain = once(questions, 'asked second')
  questions.emit('answer first', '1')
  await askedAgain
  const resumed = rig.requests.filter((request) => /^GET [^0]/.test(request))
  assert.equal(resumed.length, 1)

  await rig.cutStreams()
  const askedAtLast = once(questions, 'asked third')
  questions.emit('answer second', '2')
  await askedAtLast
  questions.emit('answer third', '3')
  assert.deepEqual(await call, ['1', '2', '3'])
})

test('when the server exits the open call is told how', async (t) => {
  const rig = await startSdk(t)
  await assert.rejects(rig.call('exit'), /The server ended \(exit code 3\) before it answered/)
  await assert.rejects(rig.call('log', { line: 'x' }), /The server has ended \(exit code 3\)/)
})
