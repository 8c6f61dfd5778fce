import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'
import { customPrefix, runtimeServer, runtimeSession, signature } from './rig.ts'

const requestId = 'x-amzn-bedrock-agentcore-runtime-request-id'
const requestHeaders = ['authorization', 'dpop', 'x-tenant', `${customPrefix}One`.toLowerCase()]
const gateway = await startTestGateway(
  { after },
  {
    open: runtimeServer,
    listed: { ...runtimeServer, requestHeaders },
    closed: { ...runtimeServer, requestHeaders: [] },
  },
)

const [open, listedOne, closed] = await Promise.all(
  ['open', 'listed', 'closed'].map((server) => openRaw(gateway.mcp(server))),
)
const sessions = { open: open!, listed: listedOne!, closed: closed! }

/** What a client may send besides, and which of it is let through. */
const sent: Record<string, string> = {
  authorization: 'Bearer a-token',
  dpop: 'a-proof',
  cookie: 'a=cookie',
  'proxy-authorization': 'Basic x',
  'x-amz-security-token': 'of-aws',
  'x-amz-date': '20260101T000000Z',
  'amz-sdk-invocation-id': 'i',
  workloadaccesstoken: 'forged',
  'x-amzn-bedrock-agentcore-runtime-user-id': 'forged',
  [requestId]: 'forged',
  [runtimeSession]: 'forged'.repeat(10),
  'x-tenant': 'tenant',
  'x-other': 'other',
  [`${customPrefix}One`.toLowerCase()]: 'one',
  [`${customPrefix}Two`.toLowerCase()]: 'two',
  'user-agent': 'a client',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'a=b',
  baggage: 'k=v',
  'x-amzn-trace-id': 'Root=1',
  'mcp-method': 'tools/call',
}
const of = (...names: string[]): string[] => names
const traces = of('traceparent', 'tracestate', 'baggage', 'x-amzn-trace-id', 'mcp-method')
const listed = of('authorization', 'dpop', 'x-tenant', `${customPrefix}One`.toLowerCase())
const loose = Object.keys(sent).filter((name) =>
  /^(x-tenant|x-other|user-agent|.*-custom-)/.test(name),
)

const cases: [server: keyof typeof sessions, path: 'mcp' | 'runtime', passes: string[]][] = [
  ['open', 'mcp', [...traces, ...loose]],
  ['open', 'runtime', traces],
  ['listed', 'mcp', [...traces, ...listed]],
  ['listed', 'runtime', [...traces, ...listed]],
  ['closed', 'mcp', traces],
  ['closed', 'runtime', traces],
]

describe('what a worker gets of the headers of a client', () => {
  for (const [server, path, passes] of cases) {
    test(`of the server ${server} at the ${path} path`, async () => {
      const url = path === 'mcp' ? gateway.mcp(server) : gateway.runtime(server).url
      const { id } = sessions[server]
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'headers' } }
      const answer = await postRpc(url, message, { sessionId: id, headers: sent })
      const { result } = await answer.json()
      const { headers } = result as { headers: Record<string, string> }
      const got = Object.keys(sent).filter((name) => headers[name] === sent[name])
      assert.deepEqual(got.sort(), [...passes].sort())
      assert.equal(headers[runtimeSession], id)
      assert.match(headers[requestId] ?? '', /^[0-9a-f]{8}-\w+$/)
      if (path === 'runtime') assert.equal(answer.headers['x-amzn-requestid'], headers[requestId])
      assert.doesNotMatch(JSON.stringify(headers), /forged|cookie/)
    })
  }

  test('a signature is no token for a worker, though Authorization is listed', async () => {
    const headers = { authorization: signature('AKIA1') }
    const { result } = await (await sessions.listed.call('headers', {}, { headers })).json()
    const seen = (result as { headers: Record<string, string> }).headers
    assert.equal(seen['authorization'], undefined)
  })

  test('a listed header of more than 4 KB is refused, and traces that are too long are left out', async () => {
    const session = sessions.listed
    const tooLong = { 'x-tenant': 'x'.repeat(4097) }
    const refused = await session.call('headers', {}, { headers: tooLong })
    assert.equal(refused.status, 431)
    const { error } = await refused.json()
    assert.match(error?.message ?? '', /The header x-tenant is larger than 4096 bytes/)
    const fits = { 'x-tenant': 'x'.repeat(4096), traceparent: '0'.repeat(129) }
    const { result } = await (await session.call('headers', {}, { headers: fits })).json()
    const { headers } = result as { headers: Record<string, string> }
    assert.deepEqual([headers['x-tenant']?.length, headers['traceparent']], [4096, undefined])
  })
})
