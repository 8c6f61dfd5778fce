import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { startFace } from './face-rig.ts'
import type { Rig } from './face-rig.ts'

const opening = { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} }
const answer = { jsonrpc: '2.0', id: 0, result: { protocolVersion: '2025-06-18' } }
const json = JSON.stringify(answer)
const request = JSON.stringify(opening)

/** The server was asked for a session; what it then says is the test's. */
async function asked(t: Parameters<typeof startFace>[0]): Promise<{ rig: Rig; status(): unknown }> {
  const rig = await startFace(t)
  let status: number | undefined
  void rig.post(opening).then(
    (reply) => (status = reply.status),
    () => undefined,
  )
  await rig.heard(1)
  return { rig, status: () => status }
}

const hopeless: [what: string, lines: string[], says: RegExp][] = [
  ['LSP framing', [`Content-Length: ${json.length}`, ''], /^it puts Content-Length before its/],
  ['LSP framing in small letters', ['content-length:5'], /as language servers do/],
  ['pretty-printed JSON', JSON.stringify(answer, null, 2).split('\n'), /over several lines; MCP/],
  ['colours', [`\u001b[32m${json}\u001b[0m`], /^there are escape sequences of terminals/],
  ['the title of a window', [`\u001b]0;server\u0007${json}`], /^there are escape sequences/],
  ['a log prefix', [`INFO: ${json}`], /^there is other text on the line of a message/],
  ['UTF-16', [Array.from(json).join('\0')], /^it writes UTF-16/],
  ['no version', [JSON.stringify({ id: 0, result: {} })], /lack "jsonrpc": "2\.0"$/],
  ['another id', [json.replace('"id":0', '"id":"0"')], /^it answers under another id/],
  ['an echo', [request], /^it sends back what it is sent/],
]

describe('a server that speaks otherwise is given up after a moment', () => {
  for (const [what, lines, says] of hopeless) {
    test(what, async (t) => {
      const { rig } = await asked(t)
      for (const line of lines) rig.face.fromServer(line)
      rig.advance(1900)
      assert.deepEqual(
        rig.news.filter((said) => says.test(said)),
        [],
        'it may still say a message',
      )
      rig.advance(what === 'an echo' ? 10_000 : 1000)
      const last = rig.news.at(-1) ?? ''
      assert.match(last, says)
      rig.advance(60_000)
      assert.equal(rig.news.filter((said) => said === last).length, 1)
    })
  }

  test('a message without a line end', async (t) => {
    const { rig } = await asked(t)
    rig.unfinished = json
    rig.advance(5000)
    const why = 'it writes a message without a line end; MCP over stdio is one JSON message a line'
    assert.deepEqual(rig.news, [why])
    // Its end brings the rest, which comes too late.
    rig.face.fromServer(json)
    assert.deepEqual([rig.news, rig.garbage], [[why, 'garbled'], [json]])
  })
})

const banners = [
  'Welcome to the server!',
  '\u001b[1mStarting\u001b[0m …',
  '{"level":"info","msg":"ready"}',
  '[',
  '{',
  '  "half": 1',
  'Content is king',
  `received: ${request}`,
  ...JSON.stringify(opening, null, 2).split('\n'),
  '=== {"a": {"id": 1}} ===',
]

test('banners are skipped however long they take, and then it is served', async (t) => {
  const { rig, status } = await asked(t)
  for (const line of banners) {
    rig.face.fromServer(line)
    rig.advance(30_000)
  }
  assert.deepEqual(rig.news, ['garbled'])
  assert.deepEqual(rig.garbage, banners)
  rig.face.fromServer(json)
  rig.advance(60_000)
  await eventually(() => assert.equal(status(), 200))
  assert.deepEqual(rig.news, ['garbled'])
})

test('a banner that looks like another framing is forgiven to who speaks in time', async (t) => {
  const { rig } = await asked(t)
  for (const [, lines] of hopeless) for (const line of lines) rig.face.fromServer(line)
  rig.advance(1500)
  rig.face.fromServer(json)
  rig.advance(60_000)
  assert.deepEqual(rig.news, ['garbled'])
})

test('who has spoken may write what it likes later on, and is not given up', async (t) => {
  const { rig } = await asked(t)
  rig.face.fromServer(json)
  for (const [, lines] of hopeless) for (const line of lines) rig.face.fromServer(line)
  rig.unfinished = json
  rig.advance(60_000)
  assert.deepEqual(rig.news, ['clear', 'garbled'])
})

test('nothing is given up before anything was asked, or after the end', async (t) => {
  const rig = await startFace(t)
  rig.face.fromServer('Content-Length: 5')
  rig.advance(60_000)
  assert.deepEqual(rig.news, ['garbled'])
  rig.face.serverEnded('exit code 1')
  rig.advance(60_000)
  assert.deepEqual(rig.news, ['garbled'])
})

test('a mark of byte order before a message is passed over', async (t) => {
  const { rig, status } = await asked(t)
  rig.face.fromServer(`\ufeff${json}`)
  assert.deepEqual([rig.news, rig.garbage], [['clear'], []])
  await eventually(() => assert.equal(status(), 200))
})
