import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

import { demoFile, startHttp } from './support.ts'

const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
})
const ping = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' })

test('over HTTP every initialize opens a session of its own, and DELETE ends it', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  const post = (body: string, id?: string): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { ...headers, ...(id && { 'mcp-session-id': id }) },
      body,
    })
  const [one, other] = await Promise.all([post(initialize), post(initialize)])
  const ids = [one, other].map((response) => response.headers.get('mcp-session-id') ?? '')
  assert.equal(new Set(ids).size, 2)
  const [first = '', second = ''] = ids

  const ended = await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': first } })
  assert.equal(ended.status, 200)
  assert.equal((await post(ping, first)).status, 404)
  assert.equal((await post(ping, second)).status, 200)
})

test('over HTTP a wrong request is refused by its right status', async (t) => {
  const { url } = await startHttp(t, 'trip-planner')
  const table: [string, RequestInit & { path?: string }, number][] = [
    ['no id and no initialize', { method: 'POST', headers, body: ping }, 400],
    [
      'an unknown id',
      { method: 'POST', headers: { ...headers, 'mcp-session-id': 'x' }, body: ping },
      404,
    ],
    ['a GET without id', { method: 'GET', headers }, 400],
    ['another method', { method: 'PUT', headers }, 405],
    [
      'a foreign origin',
      { method: 'POST', headers: { ...headers, origin: 'https://evil.example' }, body: initialize },
      403,
    ],
    ['another path', { method: 'POST', headers, body: initialize, path: '/other' }, 404],
    ['no JSON', { method: 'POST', headers, body: '{' }, 400],
    [
      'a local origin',
      { method: 'POST', headers: { ...headers, origin: 'http://localhost:1' }, body: initialize },
      200,
    ],
  ]
  for (const [name, { path = '/mcp', ...init }, status] of table) {
    const response = await fetch(new URL(path, url), init)
    await response.body?.cancel()
    assert.equal(response.status, status, name)
  }
})

test('SIGTERM ends a server over HTTP with a session open', async (t) => {
  const child = spawn(process.execPath, [demoFile('trip-planner'), '--http'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PORT: '0' },
  })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const [chunk] = (await once(child.stderr, 'data')) as [Buffer]
  const url = /http:\S+/.exec(chunk.toString())?.[0] ?? ''
  const response = await fetch(url, { method: 'POST', headers, body: initialize })
  const stream = await fetch(url, {
    headers: { ...headers, 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' },
  })
  assert.equal(stream.status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  // The stream was cut with its server.
  await stream.body?.cancel().catch(() => undefined)
})

test('the end of stdin ends a server over stdio, and so does SIGTERM', async (t) => {
  for (const end of ['stdin', 'SIGTERM']) {
    const child = spawn(process.execPath, [demoFile('expenses')], { stdio: 'pipe' })
    t.after(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    child.stdin.write(`${initialize}\n`)
    const [answer] = (await once(child.stdout, 'data')) as [Buffer]
    assert.match(answer.toString(), /"serverInfo":\{"name":"expenses"/)
    if (end === 'stdin') child.stdin.end()
    else child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null], end)
  }
})

test('wrong options are refused with the usage', async (t) => {
  for (const args of [['--htpp'], ['--http', '--port', 'many'], ['--http', '--port', '70000']]) {
    const child = spawn(process.execPath, [demoFile('trip-planner'), ...args], { stdio: 'pipe' })
    t.after(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    const [said] = (await once(child.stderr, 'data')) as [Buffer]
    assert.match(said.toString(), /usage: trip-planner \[--http \[--port N\]\]/)
    assert.deepEqual(await exited, [2, null])
  }
})
