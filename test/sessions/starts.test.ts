import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { movableClock, patientClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'

const slow = compiled('test/fixtures/workers/slow-start.js')

/** What the workers wrote: `started` and `listening`, in order. */
function marksIn(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((word) => word === 'started' || word === 'listening')
}

/** The most workers that were starting at the same time. */
function mostAtOnce(marks: string[]): number {
  let starting = 0
  let most = 0
  for (const mark of marks) {
    starting += mark === 'started' ? 1 : -1
    most = Math.max(most, starting)
  }
  return most
}

test("a server's first start runs alone, and later ones side by side", async (t) => {
  const file = join(tempDir(t), 'marks')
  writeFileSync(file, '')
  const gateway = await startTestGateway(
    t,
    { slow: { command: ['node', slow, file, 'go'], http: true } },
    { caps: { maxStarting: 3 } },
  )
  const open = () => postRpc(gateway.mcp('slow'), initializeMessage())
  const opening = Promise.all([open(), open(), open(), open(), open()])
  await eventually(() => assert.equal(gateway.seen('session.opened').length, 5))
  await eventually(() => assert.deepEqual(marksIn(file), ['started']))
  appendFileSync(file, 'go\n')
  await eventually(() => assert.equal(mostAtOnce(marksIn(file)), 3))
  assert.deepEqual(marksIn(file).slice(0, 3), ['started', 'listening', 'started'])
  await gateway.saw('session.live')
  assert.equal(gateway.seen('session.live').length, 1)
  appendFileSync(file, 'go\n'.repeat(4))
  for (const { status } of await opening) assert.equal(status, 200)
  assert.equal(mostAtOnce(marksIn(file)), 3)
  const [first] = gateway.seen('session.live')
  assert.equal(first?.session, gateway.seen('session.opened')[0]?.session)
})

test('first starts of different servers need not wait for each other', async (t) => {
  const file = join(tempDir(t), 'marks')
  writeFileSync(file, '')
  const command: [string, ...string[]] = ['node', slow, file, 'go']
  const gateway = await startTestGateway(
    t,
    { one: { command, http: true }, two: { command, http: true } },
    { caps: { maxStarting: 2 } },
  )
  const opening = ['one', 'two'].map((name) => postRpc(gateway.mcp(name), initializeMessage()))
  await eventually(() => assert.deepEqual(marksIn(file), ['started', 'started']))
  appendFileSync(file, 'go\ngo\n')
  for (const { status } of await Promise.all(opening)) assert.equal(status, 200)
})

test('no more start at once than may, more wait, and one too many is refused', async (t) => {
  const file = join(tempDir(t), 'marks')
  writeFileSync(file, '')
  const gateway = await startTestGateway(
    t,
    { slow: { command: ['node', slow, file, '300'], http: true } },
    { caps: { maxStarting: 1, maxQueued: 2 } },
  )
  const open = () => postRpc(gateway.mcp('slow'), initializeMessage())
  const served = [open(), open(), open()]
  await eventually(() => assert.equal(gateway.seen('session.opened').length, 3))
  const refused = await open()
  assert.equal(refused.status, 503)
  assert.equal(refused.headers['retry-after'], '5')
  const { id, error } = await refused.json()
  assert.deepEqual([id, error?.code], ['init', -32000])
  assert.match(error?.message ?? '', /ERR_SESSIONS_QUEUE_FULL/)
  for (const { status } of await Promise.all(served)) assert.equal(status, 200)
  assert.equal(mostAtOnce(marksIn(file)), 1)
})

test('a session that waited for its turn has its whole allowance afterwards', async (t) => {
  const allowanceMs = 8 * 60_000
  const clock = movableClock()
  const file = join(tempDir(t), 'marks')
  writeFileSync(file, '')
  const gateway = await startTestGateway(
    t,
    { slow: { command: ['node', slow, file, 'go'], http: true, startTimeoutMs: allowanceMs } },
    { caps: { maxStarting: 1 } },
    { clock },
  )
  const first = postRpc(gateway.mcp('slow'), initializeMessage())
  const second = postRpc(gateway.mcp('slow'), initializeMessage())
  await eventually(() => assert.deepEqual(marksIn(file), ['started']))
  // The first one has had its time alone then.
  await clock.advance(60_000)
  await eventually(() => assert.deepEqual(marksIn(file), ['started', 'started']))
  appendFileSync(file, 'go\n')
  assert.equal((await first).status, 200)
  await clock.advance(allowanceMs - 59_000)
  // By now it was opened longer ago than a start may take.
  appendFileSync(file, 'go\n')
  assert.equal((await second).status, 200)
})

test('who only waits for an answer keeps nobody from starting', async (t) => {
  const mute: [string, ...string[]] = [
    'node',
    compiled('test/fixtures/workers/never-answers.js'),
    'POST',
  ]
  const gateway = await startTestGateway(
    t,
    {
      mute: { command: mute, http: true },
      slow: { command: mute, http: true, mode: 'stateless' },
      works: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true },
    },
    { caps: { maxStarting: 1 } },
  )
  const leaving = new AbortController()
  const hang = async (name: string, message: unknown): Promise<void> => {
    await postRpc(gateway.mcp(name), message, { signal: leaving.signal }).catch(() => undefined)
  }
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'any' } }
  const hanging = [
    ...[1, 2, 3].map(() => hang('mute', initializeMessage())),
    ...[1, 2, 3].map(() => hang('slow', call)),
  ]
  await eventually(() => assert.equal(gateway.seen('worker.started').length, 6))
  assert.equal((await postRpc(gateway.mcp('works'), initializeMessage())).status, 200)
  leaving.abort()
  await Promise.all(hanging)
  await eventually(() => assert.equal(gateway.seen('session.closed').length, 6))
})

test('servers that never come up keep nobody else from starting', async (t) => {
  const file = join(tempDir(t), 'marks')
  writeFileSync(file, '')
  const gateway = await startTestGateway(
    t,
    {
      stuck: { command: ['node', slow, file, 'go'], http: true },
      works: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true },
    },
    { caps: { maxStarting: 1, maxQueued: 2 } },
    // For whom the places of those who hang are never free.
    { clock: patientClock },
  )
  const leaving = new AbortController()
  const { signal } = leaving
  const hang = (name: string) =>
    postRpc(gateway.mcp(name), initializeMessage(), { signal }).then(
      ({ status }) => status,
      () => 0,
    )
  const hanging = [hang('stuck')]
  await eventually(() => assert.deepEqual(marksIn(file), ['started']))
  hanging.push(hang('stuck'), hang('stuck'))
  await eventually(() => assert.equal(gateway.seen('session.opened').length, 3))
  assert.equal((await postRpc(gateway.mcp('works'), initializeMessage())).status, 200)
  leaving.abort()
  assert.deepEqual(await Promise.all(hanging), [0, 0, 0])
  await eventually(() => assert.equal(gateway.seen('session.closed').length, 3))
})

test('a start that fails makes room for the next', async (t) => {
  const gateway = await startTestGateway(
    t,
    {
      fails: { command: ['node', compiled('test/fixtures/workers/exits-at-once.js')], http: true },
      works: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true },
    },
    { caps: { maxStarting: 1 } },
  )
  const open = (name: string) => postRpc(gateway.mcp(name), initializeMessage())
  const answers = await Promise.all([open('fails'), open('fails'), open('works'), open('works')])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [502, 502, 200, 200],
  )
})
