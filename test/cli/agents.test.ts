import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { agentProgram, agentServer } from '../agentcore/agent-rig.ts'
import { startTestGateway } from '../support/gateway.ts'
import { place } from './berth.ts'

const agent = { command: 'node', args: [agentProgram], protocol: 'http', cwd: 'session' }

describe('the commands know of agents that speak no MCP', { concurrency: 3 }, () => {
  it('check --start says whether they are healthy', async (t) => {
    const { put, berth } = place(t)
    const ill = { ...agent, args: [...agent.args, 'ping=404'] }
    const file = put('berth.yaml', { mcpServers: { agent, ill } })
    const { code, stdout } = await berth(['check', '--start', file])
    assert.equal(code, 1)
    assert.match(stdout, /^✓ agent: \d+ ms, healthy \(GET \/ping\)$/m)
    assert.match(stdout, /^ {2}The server node .* is not healthy: GET \/ping answered 404\./m)
  })

  it('client-config leaves them out', async (t) => {
    const { put, berth } = place(t)
    put('berth.yaml', { mcpServers: { agent, tools: { command: 'node' } } })
    const { stdout, stderr } = await berth(['client-config', 'cursor', '--json'])
    const { mcpServers } = JSON.parse(stdout) as { mcpServers: object }
    assert.deepEqual(Object.keys(mcpServers), ['tools'])
    assert.equal(stderr, 'Left out, because they speak no MCP: agent\n')
  })

  it('tools and call say what to do instead', async (t) => {
    const { berth } = place(t)
    const gateway = await startTestGateway(t, { agent: agentServer })
    const [misled, wrong] = await Promise.all([
      berth(['tools', gateway.mcp('agent')]),
      berth(['call', `${gateway.url}/servers/agent/invocations`, 'echo']),
    ])
    assert.equal(misled.code, 1)
    assert.match(misled.stderr, /speaks no MCP \(protocol: http\); it is at \/servers\/agent\/invo/)
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /speaks no MCP.*curl -i http/)
    assert.deepEqual(gateway.seen('session.opened'), [])
  })
})
