import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import {
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'

const owner = { after }
const server = (file: string): ['node', string] => [
  'node',
  compiled(`test/fixtures/workers/${file}`),
]
const elicitation = ({ message }: { message: string }) => ({
  action: 'accept' as const,
  content: { answer: `${message}!` },
})

describe('a conversation through a bundle', async () => {
  // What runs elsewhere is another gateway of Berth here: a session there for each one here.
  const far = await startTestGateway(owner, {
    far: { command: server('sdk-server.js'), http: true },
  })
  const servers: Record<string, TestServer> = {
    stdio: { command: server('sdk-server.js') },
    http: { command: server('sdk-server.js'), http: true },
    url: { url: far.mcp('far') },
  }
  const gateway = await startTestGateway(owner, servers, { bundles: { team: { servers: '*' } } })
  const sampling = () => 'from a model'
  const roots = [{ uri: 'file:///root', name: 'root' }]
  const connect = (url: string) => connectClient(owner, url, { elicitation, sampling, roots })
  const team = await connect(gateway.bundle('team'))

  for (const name of Object.keys(servers)) {
    test(`with ${name} is what it is with the server alone`, async () => {
      const alone = await connect(gateway.mcp(name))
      const both = async (tool: string, args: object = {}): Promise<unknown> => {
        const ask = { ...args }
        const seen: number[][] = [[], []]
        const track = (of: number) => ({
          onProgress: ({ progress }: { progress: number }) => void seen[of]?.push(progress),
        })
        const through = await team.call(`${name}_${tool}`, ask, track(0))
        const direct = await alone.call(tool, ask, track(1))
        assert.deepEqual(through, direct, tool)
        assert.deepEqual(seen[0], seen[1], tool)
        return textOf(through)
      }
      assert.equal(await both('ask', { questions: ['one', 'two'] }), '["one!","two!"]')
      assert.match(String(await both('sample', { prompt: 'x' })), /from a model/)
      assert.match(String(await both('roots')), /file:\/\/\/root/)
      await both('count', { to: 5 })
      await both('ping')
      await both('ask', { questions: 7 })
      const [tools, own] = await Promise.all([team.client.listTools(), alone.client.listTools()])
      assert.deepEqual(
        tools.tools
          .filter((tool) => tool.name.startsWith(`${name}_`))
          .map((tool) => ({ ...tool, name: tool.name.slice(name.length + 1) })),
        own.tools,
      )
    })
  }

  test('with all of them at once confuses no ids, though each server counts from 0', async () => {
    const asked = Object.keys(servers).flatMap((name) =>
      Array.from({ length: 6 }, (_, at) => [name, `${name} ${at}`] as const),
    )
    const answers = await Promise.all(
      asked.map(async ([name, question]) => {
        const seen: number[] = []
        const onProgress = ({ progress }: { progress: number }): void => void seen.push(progress)
        const questions = [question, `${question}?`]
        const said = textOf(await team.call(`${name}_ask`, { questions }, { onProgress }))
        assert.deepEqual(seen, [0, 1])
        return said
      }),
    )
    assert.deepEqual(
      answers,
      asked.map(([, question]) => JSON.stringify([`${question}!`, `${question}?!`])),
    )
  })

  test('brings what a call did not ask for, and news of resources', async () => {
    const { client, call } = await connect(gateway.bundle('team'))
    const logged: unknown[] = []
    const changed: string[] = []
    client.setNotificationHandler(
      LoggingMessageNotificationSchema,
      ({ params }) => void logged.push(params.data),
    )
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void changed.push(params.uri),
    )
    const { resources } = await client.listResources()
    const uris = resources.map(({ uri }) => uri)
    assert.deepEqual(uris, ['note://1', 'berth:http:note://1', 'berth:url:note://1'])
    for (const uri of uris) {
      const [content] = (await client.readResource({ uri })).contents
      assert.equal(content?.uri, 'note://1')
      await client.subscribeResource({ uri })
    }
    for (const name of Object.keys(servers)) {
      assert.equal(textOf(await call(`${name}_ask-aside`, { question: name })), `"${name}!"`)
      await call(`${name}_log`, { line: name })
      await call(`${name}_change`, { uri: 'note://1' })
    }
    await eventually(() => assert.deepEqual(logged, Object.keys(servers)))
    await eventually(() => assert.deepEqual([...changed].sort(), [...uris].sort()))
  })

  test('calls off what its client calls off, at the server that has it', async () => {
    const calling = new AbortController()
    const called = team.call('http_hang', {}, { signal: calling.signal })
    await gateway.saw('exchange.started', ({ server: name }) => name === 'http')
    await eventually(() => {
      const open = gateway.seen('exchange.started').filter(({ server: name }) => name === 'http')
      assert.ok(open.length > 0)
    })
    calling.abort()
    await assert.rejects(called)
    await eventually(async () => {
      assert.equal(textOf(await team.call('http_cancellations')), '1')
    })
    assert.equal(textOf(await team.call('stdio_cancellations')), '0')
  })

  test('answers for itself what concerns no server', async () => {
    await team.client.ping()
    await assert.rejects(team.call('nobody_knows'), { code: -32602 })
    await assert.rejects(team.client.readResource({ uri: 'other://x' }), { code: -32002 })
    await team.client.setLoggingLevel('error')
    const info = team.client.getServerVersion()
    assert.equal(info?.name, 'team')
  })
})
