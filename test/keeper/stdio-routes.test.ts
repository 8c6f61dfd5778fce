import assert from 'node:assert/strict'
import test from 'node:test'

import { messageOf, startFace } from './face-rig.ts'
import type { Reply, Rig } from './face-rig.ts'

const note = (data: string): object => ({ method: 'notifications/message', params: { data } })
const progress = (progressToken: string | number): object => ({
  method: 'notifications/progress',
  params: { progressToken, progress: 1 },
})
const ofTask = (taskId: string, method = 'elicitation/create'): object => ({
  id: 500,
  method,
  params: { _meta: { 'io.modelcontextprotocol/related-task': { taskId } } },
})

async function openGet(rig: Rig): Promise<Reply> {
  const stream = await rig.get()
  assert.equal(stream.status, 200)
  assert.equal((await stream.next())?.data, '')
  return stream
}

/** What a stream carries next must be this message. */
async function assertNext(stream: Reply, message: object): Promise<void> {
  assert.deepEqual(messageOf(await stream.next()), { jsonrpc: '2.0', ...message })
}

interface Rule {
  name: string
  calls: { id: number; params?: object; method?: string }[]
  hasGet: boolean
  message: object
  /** The id of the call on whose stream the message comes, or `get`. */
  goesTo: number | 'get'
}

const two = [{ id: 1 }, { id: 2 }]
const tokens = [
  { id: 1, params: { _meta: { progressToken: 7 } } },
  { id: 2, params: { _meta: { progressToken: '7' } } },
]
const tasks = [
  { id: 1, method: 'tasks/result', params: { taskId: 'T' } },
  { id: 2, method: 'tasks/result', params: { taskId: 'T' } },
  { id: 3, params: { task: { ttl: 1 } } },
  { id: 4 },
]
const ask = { id: 0, method: 'elicitation/create', params: {} }
const sample = { id: 0, method: 'sampling/createMessage', params: {} }
const roots = { id: 0, method: 'roots/list' }

// prettier-ignore
const rules: Rule[] = [
  { name: 'a question during the only call', calls: [{ id: 1 }], hasGet: true, message: ask, goesTo: 1 },
  { name: 'a sampling request during the only call', calls: [{ id: 1 }], hasGet: false, message: sample, goesTo: 1 },
  { name: 'a question during two calls with a GET', calls: two, hasGet: true, message: ask, goesTo: 'get' },
  { name: 'a question during two calls without a GET', calls: two, hasGet: false, message: ask, goesTo: 2 },
  { name: 'roots/list without a call', calls: [], hasGet: true, message: roots, goesTo: 'get' },
  { name: 'a log message without a call', calls: [], hasGet: true, message: note('a'), goesTo: 'get' },
  { name: 'a log message during the only call', calls: [{ id: 1 }], hasGet: true, message: note('a'), goesTo: 1 },
  { name: 'progress by a number', calls: tokens, hasGet: true, message: progress(7), goesTo: 1 },
  { name: 'progress by a string', calls: tokens, hasGet: true, message: progress('7'), goesTo: 2 },
  { name: 'progress by an unknown token', calls: tokens, hasGet: true, message: progress(8), goesTo: 'get' },
  { name: 'a task message while its result is waited for', calls: tasks, hasGet: true, message: ofTask('T'), goesTo: 2 },
  { name: 'a message of a task that is being created', calls: tasks, hasGet: true, message: ofTask('new'), goesTo: 3 },
  { name: 'a message of a task that nobody asks for', calls: tasks.slice(3).concat(two.slice(1)), hasGet: true, message: ofTask('U'), goesTo: 'get' },
]

for (const { name, calls, hasGet, message, goesTo } of rules) {
  test(`${name} goes to ${goesTo === 'get' ? 'the GET stream' : `call ${goesTo}`}`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize()
    const streams = new Map<number | 'get', Reply>()
    if (hasGet) streams.set('get', await openGet(rig))
    for (const { id, params, method } of calls) {
      streams.set(id, await rig.open(id, params, method))
    }
    rig.say(message)
    const target = streams.get(goesTo)
    assert.ok(target)
    await assertNext(target, message)
    for (const { id } of calls) {
      rig.say({ id, result: id })
      const stream = streams.get(id)
      assert.ok(stream)
      assert.deepEqual(await stream.rest(), [{ jsonrpc: '2.0', id, result: id }])
    }
    rig.say(note('marker'))
    const get = streams.get('get')
    if (get !== undefined) await assertNext(get, note('marker'))
  })
}

test('responses go by id, whatever their order', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const first = await rig.open(1)
  const second = await rig.open(2)
  rig.say({ id: 2, result: 'two' })
  rig.say({ id: 1, error: { code: 1, message: 'one' } })
  assert.deepEqual(await first.rest(), [
    { jsonrpc: '2.0', id: 1, error: { code: 1, message: 'one' } },
  ])
  assert.deepEqual(await second.rest(), [{ jsonrpc: '2.0', id: 2, result: 'two' }])
})

test('what comes while nothing is open waits for the GET stream, in order', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  rig.say(roots)
  rig.say(note('b'))
  const stream = await rig.get()
  await assertNext(stream, roots)
  await assertNext(stream, note('b'))
})

test('once its creation is answered a task no longer concerns the call', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await openGet(rig)
  await rig.open(1, { task: {} })
  rig.say({ id: 1, result: { task: { taskId: 'T' } } })
  const other = await rig.open(2, { task: {} })
  await rig.open(3)
  rig.say(ofTask('T'))
  await assertNext(get, ofTask('T'))
  rig.say(ofTask('V'))
  await assertNext(other, ofTask('V'))
})

test('a cancelled call attracts no more messages', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const get = await openGet(rig)
  await rig.open(1)
  const params = { requestId: 1 }
  await rig.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
  rig.say(note('a'))
  await assertNext(get, note('a'))
})

test('a call whose client left before its first event attracts none either', async (t) => {
  const rig = await startFace(t)
  await rig.initialize('2025-06-18')
  const call = await rig.open(1)
  await call.cut()
  const get = await rig.get()
  rig.say(ask)
  await assertNext(get, ask)
})

test('a new GET ends the old one and goes on with the messages', async (t) => {
  const rig = await startFace(t)
  await rig.initialize()
  const old = await openGet(rig)
  const young = await openGet(rig)
  assert.equal(await old.next(), undefined)
  rig.say(note('a'))
  await assertNext(young, note('a'))
})
