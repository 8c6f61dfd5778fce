import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, connectV2, textOf } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { pythonServer, runPythonClient } from '../support/python.ts'
import type { PythonClientReport } from '../support/python.ts'

const versions = ['fastmcp3', 'fastmcp4'] as const
type Version = (typeof versions)[number]

const clients = [
  { version: 'fastmcp3', mode: 'legacy' },
  { version: 'fastmcp4', mode: 'auto' },
  { version: 'fastmcp4', mode: 'legacy' },
] as const

describe('fastmcp through the gateway', { concurrency: 3 }, () => {
  for (const server of versions) {
    for (const transport of ['stdio', 'http'] as const) {
      for (const { version, mode } of clients) {
        it(`a ${version} client in ${mode} mode plays all of a ${server} server over ${transport}`, async (t) => {
          const python = need(t, version)
          const gateway = await serve(t, server, transport)
          if (python === undefined || gateway === undefined) return
          const report = await runPythonClient(t, python, [gateway.mcp('python'), '--mode', mode])
          assertPlayedThrough(report)
          // Whatever the server could do besides, it was started once and spoken to in a session.
          const [session, ...more] = gateway.seen('session.live')
          assert.deepEqual([session?.protocolVersion, more], ['2025-11-25', []])
        })
      }
    }
  }

  for (const [server, transport] of [
    ['fastmcp3', 'http'],
    ['fastmcp4', 'stdio'],
  ] as const) {
    it(`the official clients play a ${server} server over ${transport}`, async (t) => {
      const gateway = await serve(t, server, transport)
      if (gateway === undefined) return
      const steps: (string | undefined)[] = []
      const options = {
        elicitation: () => ({ action: 'accept' as const, content: { value: 'Porto' } }),
        sampling: () => 'three tips',
        onProgress: ({ message }: { message?: string | undefined }) => steps.push(message),
      }
      const ids = []
      for (const { call, sessionId } of await Promise.all([
        connectClient(t, gateway.mcp('python'), options),
        connectV2(t, gateway.mcp('python'), { ...options, mode: 'auto' }),
      ])) {
        assert.ok(sessionId)
        assert.equal(textOf(await call('elicit')), 'accept: Porto')
        assert.equal(textOf(await call('sample')), 'three tips')
        assert.equal(textOf(await call('progress')), 'done')
        assert.deepEqual((await call('remember', { text: 'mine' })).structuredContent, {
          result: ['mine'],
        })
        ids.push(sessionId)
      }
      assert.equal(steps.length, 10)
      assert.equal(new Set(ids).size, 2)
    })
  }

  it('a fastmcp4 server behind its keeper is played in auto mode', async (t) => {
    const python = need(t, 'fastmcp4')
    const gateway = await serve(t, 'fastmcp4', 'relay')
    if (python === undefined || gateway === undefined) return
    assertPlayedThrough(await runPythonClient(t, python, [gateway.mcp('python')]))
  })

  it('a declined question is heard as declined', async (t) => {
    const python = need(t, 'fastmcp4')
    const gateway = await serve(t, 'fastmcp4', 'stdio')
    if (python === undefined || gateway === undefined) return
    const report = await runPythonClient(t, python, [gateway.mcp('python'), '--decline'])
    assert.deepEqual(report.tools['elicit'], [{ result: 'decline' }])
    const { outcome } = await gateway.saw('elicitation.answered')
    assert.equal(outcome, 'decline')
  })
})

async function serve(
  t: TestContext,
  version: Version,
  transport: 'stdio' | 'http' | 'relay',
): Promise<TestGateway | undefined> {
  const python = need(t, version)
  if (python === undefined) return undefined
  const http = transport !== 'stdio'
  return startTestGateway(t, {
    python: {
      command: [python, pythonServer, ...(http ? ['--http'] : [])],
      http,
      relay: transport === 'relay',
    },
  })
}

function assertPlayedThrough(report: PythonClientReport): void {
  assert.equal(report.failed, undefined)
  assert.deepEqual([report.era, report.protocol], ['legacy', '2025-11-25'])
  assert.deepEqual(report.questions, ['Where to?'])
  assert.deepEqual(report.prompts, ['Three tips, please.'])
  assert.deepEqual(
    report.steps,
    [1, 2, 3, 4, 5].map((step) => [step, 5, `step ${step}`]),
  )
  const { whoami, ...others } = report.tools
  assert.equal(whoami?.length, 1)
  assert.deepEqual(others, {
    echo: [{ result: 'grüße ✓' }],
    elicit: [{ result: 'accept: Lisbon' }],
    sample: [{ result: 'the model says hello' }],
    progress: [{ result: 'done' }],
    fail: [{ error: 'as asked' }],
    remember: [{ result: ['one'] }, { result: ['one', 'two'] }],
  })
}
