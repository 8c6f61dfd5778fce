import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import type { AccessRule } from '../../src/auth/access.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient } from '../support/mcp-client.ts'

const rule = (given: Partial<AccessRule>): AccessRule => ({
  ...{ who: undefined, tools: undefined, prompts: undefined, resources: undefined },
  ...given,
})

test('what may not be used of a server, or of the bundle, is not there', async () => {
  const command: ['node', string] = ['node', compiled('test/fixtures/workers/sdk-server.js')]
  const deny = [rule({ tools: ['pid'] })]
  const gateway = await startTestGateway(
    { after },
    {
      one: { command, access: { allow: undefined, deny } },
      two: { command },
    },
    { bundles: { team: { servers: '*', access: { deny: ['two_hang', 'one_log'] } } } },
  )
  const { client, call } = await connectClient({ after }, gateway.bundle('team'))
  const { tools } = await client.listTools()
  const names = tools.map(({ name }) => name)
  for (const name of ['one_count', 'two_count', 'two_pid', 'one_hang']) {
    assert.ok(names.includes(name), name)
  }
  for (const name of ['one_pid', 'two_hang', 'one_log']) {
    assert.ok(!names.includes(name), name)
    await assert.rejects(call(name), { code: -32602, message: new RegExp(`Unknown tool: ${name}`) })
  }
  assert.notEqual((await call('two_pid')).isError, true)
  // The server alone has the same list.
  const alone = await connectClient({ after }, gateway.mcp('one'))
  await assert.rejects(alone.call('pid'), /Unknown tool: pid/)
})
