import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { place } from './berth.ts'

const arn = 'arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/trip_planner-jDhWVqejRA'
const invocations = `runtimes/${encodeURIComponent(arn)}/invocations?qualifier=DEFAULT`

describe('runtimes', { concurrency: 2 }, () => {
  it('prints the ARN of each server and where it is invoked', async (t) => {
    const { put, berth } = place(t)
    put('berth.yaml', { mcpServers: { 'trip-planner': { command: 'node' } } })
    const [lines, json] = await Promise.all([
      berth(['runtimes']),
      berth(['runtimes', '--json', '--url', 'https://mcp.example.com/base/']),
    ])
    assert.equal(
      lines.stdout,
      `AWS_ENDPOINT_URL_BEDROCK_AGENTCORE=http://127.0.0.1:8080\n\ntrip-planner\n  ${arn}\n  http://127.0.0.1:8080/${invocations}\n`,
    )
    assert.deepEqual(JSON.parse(json.stdout), {
      endpoint: 'https://mcp.example.com/base',
      runtimes: [
        {
          name: 'trip-planner',
          agentRuntimeArn: arn,
          invocationUrl: `https://mcp.example.com/base/${invocations}`,
          protocol: 'mcp',
        },
      ],
    })
  })
})
