import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { adminToken, askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-http.ts'

const command: [string, string] = ['node', compiled('test/bench/worker.js')]
const gateway = await startTestGateway({ after }, { one: { command, http: true } })
const paths = ['/metrics', '/api/sessions', '/api/sessions/abc', '/nothing']

test('nothing is answered without the token', async () => {
  const token = adminToken(gateway)
  const wrong = [undefined, '', 'Bearer', 'Bearer x', token, `Basic ${token}`, `Bearer ${token}x`]
  for (const path of paths) {
    for (const authorization of wrong) {
      const answer = await rawRequest(`${gateway.adminUrl}${path}`, { headers: { authorization } })
      assert.equal(answer.status, 401, `${path} ${authorization ?? ''}`)
      const text = await answer.text()
      assert.match(text, /ERR_AUTH_ADMIN_TOKEN/)
      assert.equal(text.includes(token), false)
    }
  }
})

test('a page that was led here by another name, or comes from elsewhere, is refused', async () => {
  for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }]) {
    for (const path of paths) {
      const answer = await askAdmin(gateway, path, { headers })
      assert.equal(answer.status, 403, path)
      assert.match(await answer.text(), /ERR_PROXY_(HOST|ORIGIN)/)
    }
  }
  const local = await askAdmin(gateway, '/api/sessions', { headers: { host: 'localhost:1' } })
  assert.equal(local.status, 200)
})

test('the public listener knows none of the admin paths', async () => {
  const authorization = `Bearer ${adminToken(gateway)}`
  for (const path of paths) {
    const answer = await rawRequest(`${gateway.url}${path}`, { headers: { authorization } })
    assert.equal(answer.status, 404)
  }
})

test('the token is in a file that its owner alone may read, as long as the gateway runs', async (t) => {
  const other = await startTestGateway(t, { one: { command, http: true } })
  const folder = join(other.stateDir, 'gateways')
  assert.deepEqual(readdirSync(folder), [`${process.pid}.json`])
  const file = join(folder, `${process.pid}.json`)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  const { url, adminUrl, token, pid } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    string,
    unknown
  >
  assert.deepEqual([url, adminUrl, pid], [other.url, other.adminUrl, process.pid])
  assert.ok(String(token).length >= 32)
  assert.notEqual(token, adminToken(gateway))
  await other.close()
  assert.deepEqual(readdirSync(folder), [])
})
