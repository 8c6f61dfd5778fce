import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { connectV2, textOf } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { runPythonClient, startPythonServer } from '../support/python.ts'
import type { PythonServer } from '../support/python.ts'

// What they do without the gateway; all else they play through it, in test/e2e/python.test.ts.

const fiveSteps = [1, 2, 3, 4, 5].map((step) => [step, 5, `step ${step}`])

async function serverOf(
  t: TestContext,
  pin: 'fastmcp3' | 'fastmcp4',
): Promise<PythonServer | undefined> {
  const python = need(t, pin)
  return python === undefined ? undefined : startPythonServer(t, python)
}

// Why the gateway answers the probe itself: behind it every session is a legacy one.
test('a fastmcp4 client in auto mode goes modern with a fastmcp4 server and cannot be asked', async (t) => {
  const client = need(t, 'fastmcp4')
  const server = await serverOf(t, 'fastmcp4')
  if (client === undefined || server === undefined) return
  const report = await runPythonClient(t, client, [server.url, '--mode', 'auto'])
  assert.equal(report.era, 'modern')
  assert.equal(report.protocol, '2026-07-28')
  assert.match(report.tools['elicit']?.[0]?.error ?? '', /2026-07-28/)
  assert.match(report.tools['sample']?.[0]?.error ?? '', /back-channel/)
  assert.deepEqual([report.questions, report.prompts], [[], []])
  assert.deepEqual(report.steps, fiveSteps)
})

test('the v2 client in auto mode goes modern with a fastmcp4 server, without a session', async (t) => {
  const server = await serverOf(t, 'fastmcp4')
  if (server === undefined) return
  const { client, call, sessionId } = await connectV2(t, server.url, { mode: 'auto' })
  assert.equal(client.getProtocolEra(), 'modern')
  assert.equal(sessionId, undefined)
  assert.equal(textOf(await call('echo', { text: 'hello' })), 'hello')
})

test('a question that is declined is told as declined', async (t) => {
  const python = need(t, 'fastmcp3')
  const server = await serverOf(t, 'fastmcp3')
  if (python === undefined || server === undefined) return
  const report = await runPythonClient(t, python, [server.url, '--decline'])
  assert.deepEqual(report.tools['elicit'], [{ result: 'decline' }])
})
