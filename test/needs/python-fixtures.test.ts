import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import type { TestContext } from 'node:test'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { connectClient, connectTransport, connectV2, textOf } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { pythonServer, runPythonClient, startPythonServer } from '../support/python.ts'
import type { PythonClientReport, PythonServer } from '../support/python.ts'

const allTools = ['echo', 'elicit', 'fail', 'progress', 'remember', 'sample', 'whoami']
const fiveSteps = [1, 2, 3, 4, 5].map((step) => [step, 5, `step ${step}`])

type Pin = 'fastmcp3' | 'fastmcp4'

/** One of each version, for those who do not mind what it remembers of others. */
const servers = new Map<Pin, Promise<PythonServer>>()
const endings: (() => unknown)[] = []
after(() => Promise.all(endings.map((ending) => ending())))
function serverOf(t: TestContext, pin: Pin): Promise<PythonServer> | undefined {
  const python = need(t, pin)
  if (python === undefined) return undefined
  const known =
    servers.get(pin) ?? startPythonServer({ after: (ending) => endings.push(ending) }, python)
  servers.set(pin, known)
  return known
}

for (const pin of ['fastmcp3', 'fastmcp4'] as const) {
  // Across versions they play through the gateway, in test/e2e/python.test.ts.
  test(`over HTTP a ${pin} client plays all of a ${pin} server in the legacy era`, async (t) => {
    const report = await playOverHttp(t, { server: pin, client: pin, mode: 'legacy' })
    if (report !== undefined) assertPlayedThrough(report)
  })

  test(`the official clients play a ${pin} server in the legacy era`, async (t) => {
    const server = await serverOf(t, pin)
    if (server === undefined) return
    const { url, pid } = server
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

  test(`the official client plays a ${pin} server over stdio`, async (t) => {
    const command = need(t, pin)
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
  const [server, client] = [need(t, 'fastmcp3'), need(t, 'fastmcp4')]
  if (server === undefined || client === undefined) return
  const { url } = await startPythonServer(t, server)
  assertPlayedThrough(await runPythonClient(t, client, [url, '--mode', 'auto']))
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

async function playOverHttp(
  t: TestContext,
  { server, client, mode }: { server: Pin; client: Pin; mode: 'auto' | 'legacy' },
): Promise<PythonClientReport | undefined> {
  const python = need(t, client)
  const started = await serverOf(t, server)
  if (python === undefined || started === undefined) return undefined
  return runPythonClient(t, python, [started.url, '--mode', mode])
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
