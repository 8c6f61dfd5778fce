import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import type { AccessRule } from '../../src/auth/access.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { messageOf } from '../support/raw-mcp.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { startProvider } from './provider-rig.ts'

const everybody: AccessRule = {
  ...{ who: undefined, tools: undefined, prompts: undefined, resources: undefined },
}
const provider = await startProvider({ after })
const { discoveryUrl } = provider
const gateway = await startTestGateway(
  { after },
  {
    ops: {
      command: ['node', compiled('test/fixtures/workers/sdk-server.js')],
      http: true,
      access: {
        allow: [
          { ...everybody, tools: ['count'] },
          { ...everybody, who: { claim: 'groups', any: ['oncall'] }, tools: ['pi*'] },
        ],
        deny: [{ ...everybody, who: { claim: 'trial', any: ['true'] }, tools: ['count'] }],
      },
    },
  },
  { authorization: { global: { customJWTAuthorizer: { discoveryUrl, allowedClients: ['c'] } } } },
)
const url = gateway.mcp('ops')
const tokenWith = async (claims: object) => ({
  authorization: `Bearer ${await provider.sign({ sub: 'alice', client_id: 'c', ...claims })}`,
})

test('the token of each request says what there is, also within one session', async () => {
  const opened = await postRpc(url, initializeMessage(), { headers: await tokenWith({}) })
  await opened.text()
  const sessionId = String(opened.headers['mcp-session-id'])
  const seen = async (claims: object): Promise<string> => {
    const headers = await tokenWith(claims)
    const ask = async (method: string, params = {}) =>
      messageOf(
        await postRpc(url, { jsonrpc: '2.0', id: method, method, params }, { sessionId, headers }),
      )
    const { tools } = (await ask('tools/list')).result as { tools: { name: string }[] }
    const names = tools.map(({ name }) => name).sort()
    const { error } = await ask('tools/call', { name: 'pid' })
    return `${names.join()} ${error?.code ?? 'called'}`
  }
  assert.equal(await seen({}), 'count -32602')
  assert.equal(await seen({ groups: ['dev', 'oncall'] }), 'count,pid,ping called')
  assert.equal(await seen({ groups: ['dev'] }), 'count -32602')
  assert.equal(await seen({ groups: 'oncall', trial: true }), 'pid,ping called')
})
