import assert from 'node:assert/strict'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { connectClient, connectTransport, connectV2, textOf } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { pythonServer, runPythonClient, startPythonServer } from '../support/python.ts'
import type { PythonClientReport } from '../support/python.ts'

const allTools = ['echo', 'elicit', 'fail', 'progress', 'remember', 'sample', 'whoami']
const fiveSteps = [1, 2, 3, 4, 5].map((step) => [step, 5, `step ${step}`])

type Pin = 'fastmcp3' | 'fastmcp4'

for (const server of ['fastmcp3', 'fastmcp4'] as const) {
  // Across versions they play through the gateway, in test/e2e/python.test.ts.
  test(`over HTTP a ${server} client plays all of a ${server} server in the legacy era`, async (t) => {
    const report = await playOverHttp(t, { server, client: server, mode: 'legacy' })
    if (report !== undefined) assertPlayedThrough(report)
  })

  test(`the official clients play a ${server} server in the legacy era`, async (t) => {
    const python = need(t, server)
    if (python === undefined) return
    const { url, pid } = await startPythonServer(t, python)
    const options = {
      elicitation: () => ({ action: 'accept' as const, content: { value: 'Porto' } }),
      sampling: () => 'three tips',
    }
    for (const { client, call, sessionId } of [
      await connectClient(t, url, options),
      await connectV2(t, url, options),
    ]) {
      assert.ok(sessionId, `no session for ${client.constructor.name}`)
      assert.equal(textOf(await call('elicit')), 'accept: Porto')
      assert.equal(textOf(await call('sample')), 'three tips')
      assert.deepEqual((await call('whoami')).structuredContent, { pid })
      assert.equal((await call('fail', { reason: 'on purpose' })).isError, true)
    }
  })

  test(`the official client plays a ${server} server over stdio`, async (t) => {
    const command = need(t, server)
    if (command === undefined) return
    const seen: number[] = []
    const { call } = await connectTransport(
      t,
      new StdioClientTransport({ command, args: [pythonServer], stderr: 'ignore' }),
      { onProgress: ({ progress }) => seen.push(progress) },
    )
    assert.equal(textOf(await call('progress')), 'done')
    assert.deepEqual(seen, [1, 2, 3, 4, 5])
  })
}

test('a fastmcp4 client in auto mode falls back to initialize for a fastmcp3 server', async (t) => {
  const report = await playOverHttp(t, { server: 'fastmcp3', client: 'fastmcp4', mode: 'auto' })
  if (report !== undefined) assertPlayedThrough(report)
})

// Why the gateway answers the probe itself: behind it every session is a legacy one.
test('a fastmcp4 client in auto mode goes modern with a fastmcp4 server and cannot be asked', async (t) => {
  const report = await playOverHttp(t, { server: 'fastmcp4', client: 'fastmcp4', mode: 'auto' })
  if (report === undefined) return
  assert.equal(report.era, 'modern')
  assert.equal(report.protocol, '2026-07-28')
  assert.match(report.tools['elicit']?.[0]?.error ?? '', /2026-07-28/)
  assert.match(report.tools['sample']?.[0]?.error ?? '', /back-channel/)
  assert.deepEqual([report.questions, report.prompts], [[], []])
  assert.deepEqual(report.steps, fiveSteps)
})

test('the v2 client in auto mode goes modern with a fastmcp4 server, without a session', async (t) => {
  const python = need(t, 'fastmcp4')
  if (python === undefined) return
  const { url } = await startPythonServer(t, python)
  const { client, call, sessionId } = await connectV2(t, url, { mode: 'auto' })
  assert.equal(client.getProtocolEra(), 'modern')
  assert.equal(sessionId, undefined)
  assert.equal(textOf(await call('echo', { text: 'hello' })), 'hello')
})

test('a question that is declined is told as declined', async (t) => {
  const python = need(t, 'fastmcp3')
  if (python === undefined) return
  const { url } = await startPythonServer(t, python)
  const report = await runPythonClient(t, python, [url, '--decline'])
  assert.deepEqual(report.tools['elicit'], [{ result: 'decline' }])
})

async function playOverHttp(
  t: TestContext,
  { server, client, mode }: { server: Pin; client: Pin; mode: 'auto' | 'legacy' },
): Promise<PythonClientReport | undefined> {
  const serverPython = need(t, server)
  const clientPython = need(t, client)
  if (serverPython === undefined || clientPython === undefined) return undefined
  const { url } = await startPythonServer(t, serverPython)
  return runPythonClient(t, clientPython, [url, '--mode', mode])
}

function assertPlayedThrough(report: PythonClientReport): void {
  assert.equal(report.failed, undefined)
  assert.equal(report.protocol, '2025-11-25')
  assert.deepEqual(report.listed, allTools)
  assert.deepEqual(report.questions, ['Where to?'])
  assert.deepEqual(report.prompts, ['Three tips, please.'])
  assert.deepEqual(report.steps, fiveSteps)
  const { whoami, ...others } = report.tools
  assert.equal(typeof (whoami?.[0]?.result as { pid: number }).pid, 'number')
  assert.deepEqual(others, {
    echo: [{ result: 'grüße ✓' }],
    elicit: [{ result: 'accept: Lisbon' }],
    sample: [{ result: 'the model says hello' }],
    progress: [{ result: 'done' }],
    fail: [{ error: 'as asked' }],
    remember: [{ result: ['one'] }, { result: ['one', 'two'] }],
  })
}
