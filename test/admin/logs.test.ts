import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)
const gateway = await startTestGateway(
  { after },
  {
    echo: { command: ['node', fixture('echo')], http: true },
    stays: { command: ['node', fixture('stays')], http: true, graceMs: 500 },
  },
)
const logs = (handle: string, query = '') =>
  askAdmin(gateway, `/api/sessions/${handle}/logs${query}`)

test('the lines that a worker wrote are shown, the last ones first to be kept', async () => {
  const session = await openRaw(gateway.mcp('echo'))
  for (const line of ['one', 'two', 'drei ü€😀']) await session.ask('print', { line })
  await eventually(async () => {
    const answer = await logs(session.handle)
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(await answer.text(), 'one\ntwo\ndrei ü€😀\n')
  })
  assert.equal(await (await logs(session.handle, '?lines=1')).text(), 'drei ü€😀\n')
  assert.equal(await (await logs(session.handle, '?lines=0')).text(), '')
})

test('a worker that wrote nothing has empty logs', async () => {
  const session = await openRaw(gateway.mcp('echo'))
  const answer = await logs(session.handle)
  assert.deepEqual([answer.status, await answer.text()], [200, ''])
})

test('who follows sees each line as it is written, up to the very last', async () => {
  const session = await openRaw(gateway.mcp('stays'))
  const following = await logs(session.handle, '?follow=true')
  assert.equal(following.status, 200)
  const text = following.text()
  await session.remove()
  await gateway.saw('session.closed', (news) => news.session === session.handle)
  assert.equal(await text, 'I was asked to go.\n')
  // And afterwards they are still there.
  assert.equal(await (await logs(session.handle, '?follow=true')).text(), 'I was asked to go.\n')
})

test('many may follow, and go, without harm', async () => {
  const session = await openRaw(gateway.mcp('echo'))
  const leaving = await logs(session.handle, '?follow=true')
  const staying = await logs(session.handle, '?follow=true')
  leaving.abort()
  await session.ask('print', { line: 'x'.repeat(100_000) })
  await session.ask('print', { line: 'last' })
  const text = staying.text()
  await session.remove()
  assert.match(await text, /^x{100000}\nlast\ngoodbye own-id-of-the-worker\n$/)
})

test('HEAD is answered wherever GET is, at once and without a body', async () => {
  const { handle } = await openRaw(gateway.mcp('stays'))
  const session = `/api/sessions/${handle}`
  const paths = [
    '/metrics',
    '/api/sessions',
    session,
    `${session}/logs`,
    `${session}/logs?follow=true`,
  ]
  for (const path of paths) {
    const answer = await askAdmin(gateway, path, { method: 'HEAD' })
    assert.deepEqual([answer.status, await answer.text()], [200, ''], path)
  }
})
