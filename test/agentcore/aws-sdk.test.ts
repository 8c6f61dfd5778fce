import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'

import {
  BedrockAgentCoreClient,
  InvokeAgentRuntimeCommand,
  ListSessionsCommand,
  ResourceNotFoundException,
  StopRuntimeSessionCommand,
} from '@aws-sdk/client-bedrock-agentcore'
import type { InvokeAgentRuntimeCommandInput } from '@aws-sdk/client-bedrock-agentcore'

import { handleOf } from '../../src/ground/handle.ts'
import { atEnd } from '../support/at-end.ts'
import { need } from '../support/needs.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { Told } from './agent-rig.ts'
import { agentServer } from './agent-rig.ts'
import { runtimeServer } from './rig.ts'

const gateway = await startTestGateway({ after }, { 'echo-1': runtimeServer, agent: agentServer })
const { arn } = gateway.runtime('echo-1')
const nothing = 'Session not found or already terminated'

describe('the AWS SDKs', { concurrency: 3 }, () => {
  it('for JavaScript: an agent that speaks no MCP, before and after its session was stopped', async (t) => {
    const client = clientOf(t)
    const { arn: agentRuntimeArn } = gateway.runtime('agent')
    const runtimeSessionId = `a-session-of-my-own-${randomUUID()}`
    const invoke = async (): Promise<Told> => {
      const { response, ...answer } = await client.send(
        new InvokeAgentRuntimeCommand({
          ...{ agentRuntimeArn, runtimeSessionId, contentType: 'application/json' },
          payload: JSON.stringify({ prompt: 'hello' }),
        }),
      )
      assert.equal(answer.runtimeSessionId, runtimeSessionId)
      assert.equal(answer.contentType, 'application/json')
      return JSON.parse((await response?.transformToString()) ?? '') as Told
    }
    const [first, second] = [await invoke(), await invoke()]
    assert.equal(first.headers['content-type'], 'application/json')
    assert.deepEqual([second.me, second.count], [first.me, 2])
    const stop = new StopRuntimeSessionCommand({ agentRuntimeArn, runtimeSessionId })
    assert.equal((await client.send(stop)).runtimeSessionId, runtimeSessionId)
    await assert.rejects(client.send(stop), ResourceNotFoundException)
    const fresh = await invoke()
    assert.notEqual(fresh.me, first.me)
    assert.equal(fresh.count, 1)
    // Without a session id the SDK makes one up.
    const { runtimeSessionId: own } = await client.send(
      new InvokeAgentRuntimeCommand({ agentRuntimeArn, payload: '{}' }),
    )
    assert.match(own ?? '', /^[0-9a-f-]{36}$/)
  })

  it('for JavaScript: two invocations of one session, and two stops', async (t) => {
    const client = clientOf(t)
    const invoke = async (message: object, more: Partial<InvokeAgentRuntimeCommandInput> = {}) => {
      const { response, ...answer } = await client.send(
        new InvokeAgentRuntimeCommand({
          agentRuntimeArn: arn,
          payload: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
          accept: 'application/json, text/event-stream',
          ...more,
        }),
      )
      const body = JSON.parse((await response?.transformToString()) ?? '') as {
        result?: { pid?: number }
        error?: { code: number }
      }
      return { ...answer, ...body }
    }
    const count = { method: 'tools/call', params: { name: 'counts', arguments: {} } }

    const opened = await invoke(initializeMessage())
    const { mcpSessionId, runtimeSessionId } = opened
    assert.ok(mcpSessionId !== undefined && runtimeSessionId === mcpSessionId)
    assert.equal(opened.contentType, 'application/json')
    const pids = [
      await invoke(count, { mcpSessionId }),
      await invoke(count, { mcpSessionId, runtimeSessionId: randomUUID() }),
      await invoke(count, { runtimeSessionId }),
      await invoke(count, {
        mcpSessionId,
        agentRuntimeArn: arn.split('/')[1],
        accountId: '123456789012',
      }),
    ].map(({ result }) => result?.pid)
    assert.ok(pids[0] !== undefined && new Set(pids).size === 1, pids.join())

    const stop = new StopRuntimeSessionCommand({ agentRuntimeArn: arn, runtimeSessionId })
    const stopped = await client.send(stop)
    assert.equal(stopped.runtimeSessionId, runtimeSessionId)
    await assert.rejects(client.send(stop), (error) => {
      assert.ok(error instanceof ResourceNotFoundException)
      assert.equal(error.message, nothing)
      return true
    })
    await assert.rejects(invoke(count, { mcpSessionId }), (error) => {
      assert.ok(error instanceof ResourceNotFoundException)
      assert.equal(error.message, 'Session not found. Open a new one with initialize.')
      return true
    })
    await assert.rejects(
      client.send(new ListSessionsCommand({ memoryId: 'm'.repeat(20), actorId: 'a' })),
      (error: Error) => {
        assert.equal(error.name, 'UnknownOperationException')
        assert.match(error.message, /mcp-berth runtimes lists the runtimes/)
        return true
      },
    )
    await assert.rejects(invoke(count, { qualifier: 'PROD' }), ResourceNotFoundException)
    const { principal } = await gateway.saw(
      'session.opened',
      ({ session }) => session === handleOf(mcpSessionId),
    )
    assert.equal(principal, 'aws:AKIADUMMY')
  })

  it('for Python: the same with nothing but the endpoint in the environment', async (t) => {
    const python = need(t, 'boto3')
    if (python === undefined) return
    const script = join(import.meta.dirname, '../../../test/fixtures/python/aws.py')
    const { stdout } = await promisify(execFile)(python, [script, arn], {
      env: {
        PATH: process.env.PATH,
        AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: gateway.url,
        AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL: gateway.url,
        AWS_ACCESS_KEY_ID: 'AKIADUMMY',
        AWS_SECRET_ACCESS_KEY: 'dummy',
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      timeout: 40_000,
    })
    const said = JSON.parse(stdout) as Report
    const { opened, byMcpId, byOwnId } = said
    assert.deepEqual([opened.status, opened.error], [200, null])
    assert.equal(opened.runtimeSessionId, opened.mcpSessionId)
    assert.ok(byMcpId.result?.pid)
    assert.deepEqual(byOwnId, byMcpId)
    assert.equal(said.stopped, said.own)
    assert.deepEqual(said.stoppedAgain, ['ResourceNotFoundException', nothing])
    assert.equal(said.missing[0], 'ResourceNotFoundException')
    assert.match(said.missing[1], /^No endpoint or agent found with qualifier 'DEFAULT' for agent/)
    const { listed, described, memories, ...refused } = said.refused
    assert.deepEqual(refused.ended, [
      'ResourceNotFoundException',
      'Session not found. Open a new one with initialize.',
      404,
    ])
    const [code, message, status] = refused.accept
    assert.deepEqual([code, status], ['McpRequestUnacceptableException', 406])
    assert.match(message, /requires Accept header: application\/json, text\/event-stream$/)
    for (const [operation, unknown] of [
      ['POST /runtimes', listed],
      ['GET /runtimes/echo-0123456789', described],
      [`POST /memories/${'m'.repeat(20)}/actor/a/sessions`, memories],
    ] as const) {
      assert.deepEqual(unknown, ['UnknownOperationException', unknownOperation(operation), 404])
    }
    const { reason } = await gateway.saw(
      'session.closed',
      ({ session }) => session === handleOf(opened.mcpSessionId),
    )
    assert.equal(reason, 'stopped')
  })
})

const unknownOperation = (operation: string): string =>
  `Of Amazon Bedrock AgentCore this endpoint has InvokeAgentRuntime and StopRuntimeSession; ${operation} is not there. mcp-berth runtimes lists the runtimes that it serves.`

function clientOf(t: TestContext): BedrockAgentCoreClient {
  const client = new BedrockAgentCoreClient({
    endpoint: gateway.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIADUMMY', secretAccessKey: 'dummy' },
  })
  atEnd(t, () => client.destroy())
  return client
}

interface Invoked {
  runtimeSessionId: string
  mcpSessionId: string
  status: number
  result: { pid?: number } | null
  error: { code: number } | null
}

/** What `aws.py` prints. */
interface Report {
  own: string
  opened: Invoked
  byMcpId: Invoked
  byOwnId: Invoked
  stopped: string
  stoppedAgain: [string, string]
  missing: [string, string]
  refused: Record<'ended' | 'accept' | 'listed' | 'described' | 'memories', Refused>
}

/** Code, message and status as boto3 has read them. */
type Refused = [string, string, number]
