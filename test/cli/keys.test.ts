import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { place } from './berth.ts'

const server = { command: process.execPath, args: [compiled('test/fixtures/workers/sdk-stdio.js')] }

test('a team without a provider: add, paste, serve, use, revoke', async (t) => {
  const here = place(t)
  const added = await here.berth(['keys', 'add', 'alice', '--claim', 'groups=["oncall"]'])
  assert.equal(added.code, 0, added.stderr)
  assert.match(added.stdout, /^berth_[0-9a-f]{12}_[\w-]{43}\n$/)
  const key = added.stdout.trim()
  const file = join(here.stateDir, 'api-keys.json')
  assert.ok(added.stderr.includes(`authorizerConfiguration: { apiKeys: "${file}" }`))
  here.put('berth.json', {
    authorizerConfiguration: { apiKeys: file },
    mcpServers: { demo: server },
  })
  const serving = await here.serve([])
  assert.match(serving.said(), /whoever has an API key of/)
  const ask = async (bearer: string): Promise<number> => {
    const headers = { authorization: `Bearer ${bearer}` }
    return (await postRpc(serving.mcp('demo'), initializeMessage(), { headers })).status
  }
  assert.equal(await ask(key), 200)
  const listed = await here.berth(['keys', 'list'])
  assert.match(listed.stdout, /alice .*never +\{"groups":\["oncall"\]\}/)
  assert.ok(!listed.stdout.includes(key))
  const entry = await here.berth(['client-config', 'vscode', '--json'])
  assert.match(entry.stdout, /Bearer \$\{input:berth-api-key\}/)
  assert.equal((await here.berth(['keys', 'revoke', 'alice'])).code, 0)
  assert.equal(await ask(key), 401)
  assert.equal((await here.berth(['keys', 'revoke', 'alice'])).code, 1)
})

test('what is no name, no verb or no time is refused with what to write', async (t) => {
  const here = place(t)
  for (const [words, said] of [
    [['keys'], /keys can add, list and revoke/],
    [['keys', 'add'], /Whose\? mcp-berth keys add NAME/],
    [['keys', 'add', 'a\u001b[31m'], /at most 100 signs/],
    [['keys', 'add', '0123456789ab'], /not twelve hex digits/],
    [['keys', 'add', 'a', '--expires-in', '0'], /1 second at least/],
    [['keys', 'add', 'a', '--claim', 'sub=b'], /cannot set sub/],
  ] as const) {
    const refused = await here.berth([...words])
    assert.equal(refused.code, 2, words.join(' '))
    assert.match(refused.stderr, said)
  }
})
