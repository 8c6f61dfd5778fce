import assert from 'node:assert/strict'
import { chmodSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createKeyAuthorizer } from '../../src/auth/api-keys.ts'
import type { Asking, Caller } from '../../src/auth/check.ts'
import { addKey, readKeys, revokeKeys } from '../../src/auth/key-file.ts'
import { takeHeaders } from '../../src/proxy/equip.ts'
import { compiled } from '../support/config.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { messageOf } from '../support/raw-mcp.ts'
import { initializeMessage } from '../support/raw-session.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

const asking = (headers: Record<string, string>): Asking => ({
  headers,
  rawHeaders: Object.entries(headers).flat(),
})
const forever = { claims: {}, expiresAt: undefined }

function rig(t: Owner) {
  const file = join(tempDir(t), 'keys.json')
  const clock = fakeClock()
  const authorizer = createKeyAuthorizer({ clock, file, besides: undefined })
  const ask = (headers: Record<string, string>): Caller => {
    const found = authorizer.authenticate(asking(headers))
    assert.ok(!(found instanceof Promise))
    assert.deepEqual(authorizer.recall(asking(headers)), found)
    return found
  }
  return { file, clock, authorizer, ask }
}

test('who brings a key, in either header, is whose it is', (t) => {
  const { file, ask } = rig(t)
  const key = addKey(file, { ...forever, name: 'alice', claims: { groups: ['oncall'], sub: 'x' } })
  assert.match(key, /^berth_[0-9a-f]{12}_[\w-]{43}$/)
  const caller = ask({ authorization: `Bearer ${key}` })
  assert.deepEqual(ask({ 'x-api-key': key }), caller)
  assert.equal(caller.identity?.sub, 'alice')
  assert.deepEqual(caller.identity.claims.groups, ['oncall'])
  assert.equal(caller.identity.claims.sub, 'alice')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!readFileSync(file, 'utf8').includes(key.slice(19)), 'the secret is not in the file')
})

test('a key that is revoked, expired, cut or made up is refused, at once', (t) => {
  const { file, clock, authorizer, ask } = rig(t)
  const key = addKey(file, { ...forever, name: 'alice' })
  const other = addKey(file, { ...forever, name: 'bob' })
  const brief = addKey(file, { name: 'eve', claims: {}, expiresAt: new Date(clock.now() + 1000) })
  for (const one of [key, other, brief]) ask({ 'x-api-key': one })
  assert.equal(revokeKeys(file, 'alice').length, 1)
  clock.advance(1001)
  const made = `${other.slice(0, -1)}${other.endsWith('A') ? 'B' : 'A'}`
  for (const bad of [key, brief, other.slice(0, -1), `${other}A`, made, 'berth_', `${key} x`]) {
    for (const headers of [{ 'x-api-key': bad }, { authorization: `Bearer ${bad}` }]) {
      assert.throws(() => authorizer.authenticate(asking(headers)), { statusCode: 401 }, bad)
      assert.equal(authorizer.recall(asking(headers)), undefined)
    }
  }
  ask({ 'x-api-key': other })
})

test('a key under a name that was somebody else’s is not that one', (t) => {
  const { file, ask } = rig(t)
  const first = ask({ 'x-api-key': addKey(file, { ...forever, name: 'alice' }) })
  revokeKeys(file, 'alice')
  const second = ask({ 'x-api-key': addKey(file, { ...forever, name: 'alice' }) })
  assert.notEqual(first.principal, second.principal)
})

test('two credentials, or none, are refused with what to do', (t) => {
  const { file, authorizer } = rig(t)
  const key = addKey(file, { ...forever, name: 'alice' })
  const wrong = [
    { 'x-api-key': key, authorization: 'Bearer eyJ.x.y' },
    { 'x-api-key': key, 'X-API-Key': key },
  ]
  for (const headers of wrong) {
    assert.throws(() => authorizer.authenticate(asking(headers)), { code: 'ERR_AUTH_HEADER' })
  }
  assert.throws(() => authorizer.authenticate(asking({})), { code: 'ERR_AUTH_NO_KEY' })
  // It is the server's then, and proves nothing.
  assert.throws(() => authorizer.authenticate(asking({ 'x-api-key': 'theirs' })), {
    code: 'ERR_AUTH_NO_KEY',
  })
})

test('a file that cannot be used lets nobody in, and says why', (t) => {
  const { file, authorizer } = rig(t)
  const key = addKey(file, { ...forever, name: 'alice' })
  const refused = (why: RegExp): void => {
    assert.throws(() => authorizer.authenticate(asking({ 'x-api-key': key })), {
      code: 'ERR_AUTH_KEYS',
      message: why,
    })
  }
  chmodSync(file, 0o644)
  refused(/open to others \(mode 644\)\. Run: chmod 600 /)
  chmodSync(file, 0o600)
  authorizer.recall(asking({ 'x-api-key': key }))
  writeFileSync(file, '{"keys":[{"id":1}]}')
  refused(/is no file of mcp-berth keys/)
  assert.throws(() => addKey(file, { ...forever, name: 'bob' }), { code: 'ERR_AUTH_KEYS' })
  assert.ok('problem' in readKeys(file))
})

test('a file that is not there, or cannot be followed, is no file of revoked keys', (t) => {
  const { file, authorizer } = rig(t)
  const key = addKey(file, { ...forever, name: 'alice' })
  const ask = () => authorizer.authenticate(asking({ 'x-api-key': key }))
  assert.ok(ask())
  rmSync(file)
  assert.throws(ask, { code: 'ERR_AUTH_KEYS', message: /is not there: mcp-berth keys add/ })
  symlinkSync(file, file)
  assert.throws(ask, { code: 'ERR_AUTH_KEYS', message: /cannot be read \(ELOOP\)/ })
})

test('a key is nothing that a server could take as a credential', () => {
  const headers = { 'x-api-key': 'berth_1', 'x-team': 'a' }
  assert.deepEqual(takeHeaders(headers, ['x-api-key', 'x-team']), { 'x-team': 'a' })
})

test('two who change the file at once do not undo each other', (t) => {
  const { file } = rig(t)
  addKey(file, { ...forever, name: 'alice' })
  writeFileSync(`${file}.new`, '')
  assert.throws(() => addKey(file, { ...forever, name: 'bob' }), {
    message: /another mcp-berth keys is at work. If none is, run: rm /,
  })
  assert.equal((readKeys(file) as unknown[]).length, 1)
})

test('a gateway lets in who has a key, on every path, and no worker sees it', async (t) => {
  const file = join(tempDir(t), 'keys.json')
  const key = addKey(file, { ...forever, name: 'alice' })
  const stranger = addKey(file, { ...forever, name: 'bob' })
  const setting = { apiKeys: file }
  const gateway = await startTestGateway(
    t,
    {
      demo: {
        command: ['node', compiled('test/fixtures/workers/echo.js')],
        http: true,
        requestHeaders: ['authorization', 'x-api-key'],
      },
    },
    { authorization: { global: setting, servers: { demo: setting } } },
  )
  for (const url of [gateway.mcp('demo'), gateway.runtime('demo').url]) {
    const ask = (headers: Record<string, string | undefined>, sessionId?: string) =>
      postRpc(url, sessionId === undefined ? initializeMessage() : ping, { headers, sessionId })
    const none = await ask({})
    assert.ok(none.status === 401 || none.status === 403, url)
    assert.doesNotMatch(String(none.headers['www-authenticate']), /resource_metadata/)
    const signed = { authorization: 'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/x/aws4' }
    assert.notEqual((await ask(signed)).status, 200)
    const opened = await ask({ 'x-api-key': key })
    assert.equal(opened.status, 200)
    const id = String(opened.headers['mcp-session-id'])
    assert.equal((await ask({ authorization: `Bearer ${key}` }, id)).status, 200)
    assert.equal((await ask({ 'x-api-key': stranger }, id)).status, 404)
    const call = { ...ping, method: 'tools/call', params: { name: 'headers', arguments: {} } }
    const seen = await messageOf(
      await postRpc(url, call, { headers: { 'x-api-key': key }, sessionId: id }),
    )
    assert.doesNotMatch(JSON.stringify(seen), /berth_/)
  }
  revokeKeys(file, 'alice')
  const late = await postRpc(gateway.mcp('demo'), initializeMessage(), {
    headers: { 'x-api-key': key },
  })
  assert.equal(late.status, 401)
})

const ping = { jsonrpc: '2.0', id: 7, method: 'ping' }
