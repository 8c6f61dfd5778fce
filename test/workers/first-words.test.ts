import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const speaking = (how: string): TestServer => ({
  command: ['node', compiled('test/fixtures/workers/speaks-otherwise.js'), how],
  // Nothing here waits for it: what fails is known to fail long before.
  startTimeoutMs: 600_000,
})
const hopeless: Record<string, RegExp> = {
  lsp: /it puts Content-Length before its messages, as language servers do; MCP over stdio is/,
  pretty: /it writes a message over several lines/,
  colours: /there are escape sequences of terminals around its messages/,
  'no-end': /it writes a message without a line end/,
  utf16: /it writes UTF-16/,
}
const gateway = await startTestGateway(
  { after },
  Object.fromEntries(
    [...Object.keys(hopeless), 'bom', 'banner', 'plainly'].map((how) => [how, speaking(how)]),
  ),
)

describe(
  'a stdio server that speaks no MCP is told from one that is slow',
  { concurrency: 3 },
  () => {
    for (const [how, says] of Object.entries(hopeless)) {
      test(how, async () => {
        const answer = await postRpc(gateway.mcp(how), initializeMessage())
        assert.equal(answer.status, 502)
        const { error } = await answer.json()
        const { code, requestId } = error?.data as { code: string; requestId: string }
        assert.equal(code, 'ERR_WORKERS_EXITED_EARLY')
        const told = await gateway.saw('request.failed', (news) => news.requestId === requestId)
        assert.match(told.cause, says)
        const closed = await gateway.saw('session.closed', ({ server }) => server === how)
        assert.equal(closed.reason, 'start-failed')
        assert.match(String(closed.details?.['how']), says)
      })
    }
  },
)

test('a mark of byte order does not keep a server from being served, nor does a banner', async () => {
  for (const how of ['bom', 'banner', 'plainly']) {
    const session = await openRaw(gateway.mcp(how))
    assert.equal((await session.remove()).status, 200, how)
  }
})

test('of a banner the operator is told, once', async () => {
  const session = await openRaw(gateway.mcp('banner'))
  await session.remove()
  await gateway.saw('operator.warned', ({ server }) => server === 'banner')
  const of = (server: string) =>
    gateway.seen('operator.warned').filter((news) => news.server === server)
  assert.match(of('banner')[0]?.message ?? '', /writes to stdout what is no JSON-RPC message/)
  assert.equal(of('banner').length, 1)
  assert.deepEqual([of('bom'), of('plainly')], [[], []])
})
