import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, connectV2, textOf } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { pythonServer, runPythonClients } from '../support/python.ts'
import { postRpc } from '../support/raw-http.ts'
import type { PythonClientReport } from '../support/python.ts'

type Version = 'fastmcp3' | 'fastmcp4'
const allTools = ['echo', 'elicit', 'fail', 'progress', 'remember', 'sample', 'whoami']

describe('fastmcp through the gateway', { concurrency: 3 }, () => {
  for (const [version, mode, server, transports] of [
    ['fastmcp3', 'legacy', 'fastmcp3', ['http']],
    ['fastmcp3', 'legacy', 'fastmcp4', ['stdio']],
    // What fastmcp does unless it is told otherwise.
    ['fastmcp4', 'auto', 'fastmcp3', ['stdio', 'http', 'relay']],
    ['fastmcp4', 'auto', 'fastmcp4', ['stdio', 'http', 'relay']],
    // With an old server, what falls back to the legacy era in auto mode is in it anyway.
    ['fastmcp4', 'legacy', 'fastmcp4', ['http']],
  ] as const) {
    it(`a ${version} client in ${mode} mode plays all of a ${server} server`, async (t) => {
      const client = need(t, version)
      const gateway = await serve(t, server)
      if (client === undefined || gateway === undefined) return
      // One of them as AgentCore has it, where elicitation and all the rest works alike.
      const urls = transports.map((transport) =>
        transport === 'http' ? gateway.runtime(transport).url : gateway.mcp(transport),
      )
      const reports = await runPythonClients(t, client, [...urls, '--mode', mode])
      for (const report of reports) assertPlayedThrough(report)
      // Whatever a server could do besides, it was started once and spoken to in a session.
      assert.deepEqual(
        gateway.seen('session.live').map((news) => [news.server, news.protocolVersion]),
        transports.map((transport) => [transport, '2025-11-25']),
      )
      const answers = gateway.seen('elicitation.answered').map(({ outcome }) => outcome)
      assert.deepEqual(
        answers,
        transports.map(() => 'accept'),
      )
    })
  }

  for (const [server, transport] of [
    ['fastmcp3', 'http'],
    ['fastmcp4', 'stdio'],
  ] as const) {
    it(`the official clients play a ${server} server over ${transport}`, async (t) => {
      const gateway = await serve(t, server)
      if (gateway === undefined) return
      const steps: (string | undefined)[] = []
      const options = {
        elicitation: () => ({ action: 'accept' as const, content: { value: 'Porto' } }),
        sampling: () => 'three tips',
        onProgress: ({ message }: { message?: string | undefined }) => steps.push(message),
      }
      const ids = new Set<string | undefined>()
      for (const { call, sessionId } of await Promise.all([
        connectClient(t, gateway.mcp(transport), options),
        connectV2(t, gateway.mcp(transport), { ...options, mode: 'auto' }),
      ])) {
        assert.equal(textOf(await call('elicit')), 'accept: Porto')
        assert.equal(textOf(await call('sample')), 'three tips')
        assert.equal(textOf(await call('progress')), 'done')
        assert.equal((await call('fail', { reason: 'on purpose' })).isError, true)
        const { structuredContent } = await call('remember', { text: 'mine' })
        assert.deepEqual(structuredContent, { result: ['mine'] })
        ids.add(sessionId)
      }
      assert.equal(steps.length, 10)
      assert.equal(ids.size, 2)
    })
  }

  it('clients of fastmcp and official ones play servers of both versions in one bundle', async (t) => {
    const [three, four] = [need(t, 'fastmcp3'), need(t, 'fastmcp4')]
    if (three === undefined || four === undefined) return
    const node = (file: string, ...words: string[]): ['node', ...string[]] => [
      'node',
      compiled(`src/demo/${file}`),
      ...words,
    ]
    const gateway = await startTestGateway(
      t,
      {
        three: { command: [three, pythonServer] },
        four: { command: [four, pythonServer, '--http'], http: true },
        trip: { command: node('trip-planner.js') },
        expenses: { command: node('expenses.js', '--http'), http: true },
      },
      {
        bundles: {
          team: { servers: '*' },
          alone3: { servers: ['three'], prefixes: { three: '' } },
          alone4: { servers: ['four'], prefixes: { four: '' } },
        },
      },
    )
    const played = await Promise.all(
      [[three, 'alone4'] as const, [four, 'alone3'] as const].map(([client, bundle]) =>
        runPythonClients(t, client, [gateway.bundle(bundle), '--mode', 'legacy']),
      ),
    )
    for (const report of played.flat()) assertPlayedThrough(report)
    const options = {
      elicitation: () => ({ action: 'accept' as const, content: { value: 'Porto' } }),
      sampling: () => 'three tips',
    }
    for (const { client, call } of await Promise.all([
      connectClient(t, gateway.bundle('team'), options),
      connectV2(t, gateway.bundle('team'), { ...options, mode: 'auto' }),
    ])) {
      const { tools } = await client.listTools()
      for (const name of ['three_echo', 'four_echo', 'trip_plan_trip', 'expenses_add_expense']) {
        assert.ok(
          tools.some((tool) => tool.name === name),
          tools.map((tool) => tool.name).join(),
        )
      }
      for (const name of ['three', 'four']) {
        assert.equal(textOf(await call(`${name}_elicit`)), 'accept: Porto')
        assert.equal(textOf(await call(`${name}_sample`)), 'three tips')
        assert.equal(textOf(await call(`${name}_progress`)), 'done')
      }
      assert.notEqual((await call('trip_list_trips')).isError, true)
    }
  })

  it('a fastmcp4 server that keeps no sessions has one worker for each of ours', async (t) => {
    const python = need(t, 'fastmcp4')
    if (python === undefined) return
    const gateway = await startTestGateway(t, {
      stateless: {
        command: [python, pythonServer, '--http', '--stateless'],
        http: true,
        mode: 'stateless',
      },
    })
    const url = gateway.mcp('stateless')
    const remember = (text: string, sessionId?: string) => {
      const params = { name: 'remember', arguments: { text } }
      return postRpc(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, { sessionId })
    }
    // The first message is a call, and what the process remembers shows which one it is.
    const first = await remember('one')
    assert.match(JSON.stringify(await first.next()), /one/)
    const sessionId = String(first.headers['mcp-session-id'])
    const second = await remember('two', sessionId)
    assert.equal(second.headers['mcp-session-id'], sessionId)
    assert.match(JSON.stringify(await second.next()), /one.*two/)
    // Nobody minds what a client does besides.
    const { call } = await connectClient(t, gateway.runtime('stateless').url)
    const { structuredContent } = await call('remember', { text: 'mine' })
    assert.deepEqual(structuredContent, { result: ['mine'] })
    assert.deepEqual((await call('remember', { text: 'too' })).structuredContent, {
      result: ['mine', 'too'],
    })
  })
})

async function serve(t: TestContext, version: Version): Promise<TestGateway | undefined> {
  const python = need(t, version)
  if (python === undefined) return undefined
  const overHttp: TestServer = { command: [python, pythonServer, '--http'], http: true }
  return startTestGateway(t, {
    stdio: { command: [python, pythonServer] },
    http: overHttp,
    relay: { ...overHttp, relay: true },
  })
}

function assertPlayedThrough(report: PythonClientReport): void {
  assert.equal(report.failed, undefined)
  assert.deepEqual([report.era, report.protocol], ['legacy', '2025-11-25'])
  assert.deepEqual(report.listed, allTools)
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
