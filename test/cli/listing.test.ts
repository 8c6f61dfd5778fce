import assert from 'node:assert/strict'
import { test } from 'node:test'

import { startHttp, temporaryFolder } from '../demo/support.ts'
import { berth } from './support.ts'

test('tools are listed with what they take', async (t) => {
  const { url } = await startHttp(t, 'expenses')
  const { code, stdout } = await berth(t, 'tools', url.href)
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^monthly_report\n {2}Build the report of a month\n {2}Adds up .*\n {4}month\?: string {2}Year-month/m,
  )
  const raw = await berth(t, 'tools', url.href, '--json')
  const { tools } = JSON.parse(raw.stdout) as { tools: { name: string }[] }
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['add_expense', 'analyze_spending', 'monthly_report'],
  )
})

test('resources are listed and read', async (t) => {
  const { url } = await startHttp(t, 'expenses', { BERTH_WORKSPACE: await temporaryFolder(t) })
  const listed = await berth(t, 'resources', url.href)
  assert.equal(listed.stdout, 'expenses://ledger\n  The ledger\n  All expenses.\n')
  const read = await berth(t, 'resources', url.href, 'expenses://ledger')
  assert.deepEqual([read.code, read.stdout], [0, '[]\n'])
  const raw = await berth(t, 'resources', url.href, 'expenses://ledger', '--json')
  assert.deepEqual(JSON.parse(raw.stdout), {
    contents: [{ uri: 'expenses://ledger', mimeType: 'application/json', text: '[]' }],
  })
  const unknown = await berth(t, 'resources', url.href, 'expenses://other')
  assert.equal(unknown.code, 1)
  assert.match(
    unknown.stderr,
    /The server answered with error -32602: Resource expenses:\/\/other not found/,
  )
})

test('prompts are listed and filled in', async (t) => {
  const { url } = await startHttp(t, 'expenses', { BERTH_WORKSPACE: await temporaryFolder(t) })
  const listed = await berth(t, 'prompts', url.href)
  assert.match(
    listed.stdout,
    /^budget_review\n {2}Review my budget\n[^]*budget\?: text {2}In EUR\n$/,
  )
  const args = '{"budget": 900, "month": "2026-11"}'
  const got = await berth(t, 'prompts', url.href, 'budget_review', '--args', args)
  assert.match(got.stdout, /^user: Review my expenses in 2026-11\. My budget is 900 EUR\./)
  assert.match(got.stdout, /^user: \[resource expenses:\/\/ledger application\/json, 2 bytes\]$/m)
  const unknown = await berth(t, 'prompts', url.href, 'budget')
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /There is no prompt budget\. .*The prompts are: budget_review\./)
})

test('a server without resources or prompts is no failure', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  const resources = await berth(t, 'resources', url.href)
  assert.deepEqual(resources, { code: 0, stdout: '', stderr: 'The server has no resources.\n' })
  const prompts = await berth(t, 'prompts', url.href, '--json')
  assert.deepEqual([prompts.code, JSON.parse(prompts.stdout)], [0, { prompts: [] }])
})
