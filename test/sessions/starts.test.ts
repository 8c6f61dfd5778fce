import assert from 'node:assert/strict'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'

const slow = compiled('test/fixtures/workers/slow-start.js')

/** What the workers wrote: `started` and `listening`, in order. */
function marksIn(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((word) => word !== '')
}

/** The most workers that were starting at the same time. */
function mostAtOnce(marks: string[]): number {
  let starting = 0
  let most = 0
  for (const mark of marks) {
    starting += mark === 'started' ? 1 : mark === 'listening' ? -1 : 0
    most = Math.max(most, starting)
  }
  return most
}

test("a server's first start runs alone, and later ones side by side", async (t) => {
  const file = join(tempDir(t), 'marks')
  appendFileSync(file, '')
  const gateway = await startTestGateway(
    t,
    { slow: { command: ['node', slow, file, '300'], http: true } },
    { caps: { maxStarting: 3 } },
  )
  const open = () => postRpc(gateway.mcp('slow'), initializeMessage())
  const answers = await Promise.all([open(), open(), open(), open()])
  for (const { status } of answers) assert.equal(status, 200)
  const marks = marksIn(file)
  assert.deepEqual(marks.slice(0, 2), ['started', 'listening'])
  assert.equal(mostAtOnce(marks), 3)
  const [first] = gateway.seen('session.live')
  assert.equal(first?.session, gateway.seen('session.opened')[0]?.session)
})

test('first starts of different servers need not wait for each other', async (t) => {
  const file = join(tempDir(t), 'marks')
  appendFileSync(file, '')
  const command: [string, ...string[]] = ['node', slow, file, '400']
  const gateway = await startTestGateway(
    t,
    { one: { command, http: true }, two: { command, http: true } },
    { caps: { maxStarting: 2 } },
  )
  await Promise.all(['one', 'two'].map((name) => postRpc(gateway.mcp(name), initializeMessage())))
  assert.equal(mostAtOnce(marksIn(file)), 2)
})

test('no more start at once than may, more wait, and one too many is refused', async (t) => {
  const file = join(tempDir(t), 'marks')
  appendFileSync(file, '')
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
