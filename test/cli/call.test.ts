import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'

import { startHttp, temporaryFolder } from '../demo/support.ts'
import { berth, outcomeOf, start } from './support.ts'

const trip = ['destination=Lisbon', 'kind=Beach and sea', 'nights=4', 'book=yes'].flatMap(
  (pair) => ['--answer', pair],
)

test('a tool is called, its questions are answered and its progress is shown', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  const { code, stdout, stderr } = await berth(
    t,
    'call',
    url.href,
    'plan_trip',
    ...trip,
    '--sample-with',
    `node -e 'process.stdin.on("data", (d) => console.log(JSON.parse(d).maxTokens))'`,
  )
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^Booked: TRIP-\w+\nLisbon, beach and sea, 4 nights, 2 adults: 880 EUR\.\nTips: 300\n$/,
  )
  assert.match(stderr, /^Where would you like to go\? Answered: \{"destination":"Lisbon"\}$/m)
  assert.match(stderr, /^Who is coming along\? Answered: \{"adults":2,"children":0\}$/m)
  assert.match(
    stderr,
    /^1\/5 Looking at the map of Lisbon\n2\/5 .*\n3\/5 .*\n4\/5 .*\n5\/5 Adding up/m,
  )
})

test('--json prints the raw result and nothing else on stdout', async (t) => {
  const { url } = await startHttp(t, 'expenses', { BERTH_WORKSPACE: await temporaryFolder(t) })
  const answers = '{"amount": 9.99, "date": "2026-11-05"}'
  const { code, stdout } = await berth(
    t,
    'call',
    url.href,
    'add_expense',
    '--answers',
    answers,
    '--json',
  )
  assert.equal(code, 0)
  const { structuredContent } = JSON.parse(stdout) as { structuredContent: unknown }
  assert.deepEqual(structuredContent, {
    outcome: 'added',
    expense: { amountEur: 9.99, category: 'food', date: '2026-11-05' },
    assumed: [],
  })
})

test('what nobody can answer is declined, and sampling is refused, with a word on stderr', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  const declined = await berth(t, 'call', url.href, 'plan_trip')
  assert.equal(declined.code, 0)
  assert.equal(declined.stdout, 'There is no trip without a destination, so nothing was planned.\n')
  assert.match(
    declined.stderr,
    /Declined, because nobody is here to answer\. Give --answer destination=…/,
  )

  const refused = await berth(t, 'call', url.href, 'plan_trip', ...trip)
  assert.match(refused.stderr, /Refused: there is none\. Give --sample-with COMMAND/)
  assert.match(refused.stdout, /your client said: User rejected sampling request/)
})

test('a given answer that does not fit cancels the question and fails the call', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  const { code, stdout, stderr } = await berth(
    t,
    'call',
    url.href,
    'plan_trip',
    ...trip,
    '--answer',
    'nights=99',
    '--answer',
    'typo=1',
  )
  assert.equal(code, 1)
  assert.match(stdout, /You cancelled at the question about the nights/)
  assert.match(
    stderr,
    /Cancelled: The answer nights does not fit\. Give a whole number from 1 to 30\./,
  )
  assert.match(stderr, /The answer typo was never asked for\./)
})

test('a sampling command that fails is told to the server', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  for (const [command, why] of [
    ['exit 3', 'ended with 3'],
    ['true', 'printed nothing'],
  ] as const) {
    const result = await berth(t, 'call', url.href, 'plan_trip', ...trip, '--sample-with', command)
    assert.equal(result.code, 0)
    assert.match(result.stdout, new RegExp(`your client said: Sampling failed: the command ${why}`))
  }
})

test('an error that a tool reports goes to stderr with exit code 1', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'expenses.json'), 'no ledger')
  const { url } = await startHttp(t, 'expenses', { BERTH_WORKSPACE: folder })
  const { code, stdout, stderr } = await berth(
    t,
    'call',
    url.href,
    'add_expense',
    '--answer',
    'amount=1',
  )
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^The ledger .* is damaged and was left as it is\.$/m)
})

test('failures are one sentence with what to do', async (t) => {
  const { url } = await startHttp(t, 'expenses')
  const closed = await unusedPort()
  const garbage = await notHttp(t)
  const table: [string[], RegExp][] = [
    [
      [url.href, 'add_expens'],
      /There is no tool add_expens\. Did you mean add_expense\? The tools are: add_expense, analyze_spending, monthly_report\.\n$/,
    ],
    [
      [url.href, 'monthly_report', '--args', '{"month": 11}'],
      /monthly_report does not take --args '\{"month":11\}': month must be string\.\n$/,
    ],
    [
      [url.href, 'monthly_report', 'moth=2026-11'],
      /There is no argument moth\. Did you mean month\? It takes: month\.\n$/,
    ],
    [
      [`http://127.0.0.1:${closed}/mcp`, 'x'],
      /Nothing listens at 127\.0\.0\.1:\d+\. Is Berth running\? Start it with: mcp-berth serve\n$/,
    ],
    [
      [new URL('/wrong', url).href, 'x'],
      /There is no MCP server at .*\/wrong \(404\)\. Berth serves each at \/servers\/NAME\/mcp\./,
    ],
    [
      ['http://no-such-host.invalid/mcp', 'x'],
      /The name no-such-host\.invalid cannot be resolved\./,
    ],
    [
      [`http://127.0.0.1:${garbage}/mcp`, 'x'],
      /^mcp-berth: What answers at 127\.0\.0\.1:\d+ does not speak HTTP\.\n$/,
    ],
    [
      [url.href, 'add_expense', '--header', 'Origin: https://evil.example'],
      /does not let you in \(403\)/,
    ],
  ]
  for (const [args, says] of table) {
    const { code, stdout, stderr } = await berth(t, 'call', ...args)
    assert.deepEqual([code, stdout], [1, ''], args.join(' '))
    assert.match(stderr, says)
  }
})

test('SIGINT cancels the call, ends the session and exits 130', async (t) => {
  const { url } = await startHttp(t, 'trip-planner', { DEMO_STEP_MS: '60000' })
  const child = start(t, 'call', url.href, 'plan_trip', ...trip)
  const outcome = outcomeOf(child)
  for (;;) {
    const [chunk] = (await once(child.stderr, 'data')) as [string]
    if (chunk.includes('1/5')) break
  }
  child.kill('SIGINT')
  assert.equal((await outcome).code, 130)
})

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function notHttp(t: { after(fn: () => void): void }): Promise<number> {
  const server = createServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}
