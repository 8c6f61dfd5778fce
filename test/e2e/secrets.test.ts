import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { handleOf } from '../../src/ground/handle.ts'
import { place } from '../cli/berth.ts'
import type { Place, Serving } from '../cli/berth.ts'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'

const planner = compiled('src/demo/trip-planner.js')
const secret = (name: string): string => `${name}-${randomBytes(8).toString('hex')}`

/** Wherever a configuration may have one. */
const secrets = {
  env: secret('env'),
  filled: secret('filled'),
  file: secret('file'),
  argument: secret('argument'),
  header: secret('header'),
  key: secret('key'),
  query: secret('query'),
  client: secret('client'),
}

test('secrets and session ids are in no log, no answer, no output and no file', async (t) => {
  const here = place(t)
  const upstream = await startUpstream(t)
  here.put('.env', `FROM_FILE=${secrets.file}\n`)
  here.put('crash.mjs', 'console.error("no luck"); process.exit(9)')
  here.put(
    'dies.mjs',
    [
      `import { existsSync } from 'node:fs'`,
      `setInterval(() => existsSync(${JSON.stringify(join(here.folder, 'die'))}) && process.exit(4), 20)`,
      `import(${JSON.stringify(planner)})`,
    ].join('\n'),
  )
  const env = { SECRET: secrets.env, FILLED: '${MY_SECRET}' }
  const args = (file: string): string[] => [file, '--token', '${MY_ARGUMENT}']
  const headers = { Authorization: `Bearer ${secrets.header}`, 'X-Key': '${MY_KEY}' }
  const file = here.put('berth.json', {
    log: { level: 'trace' },
    mcpServers: {
      good: { command: 'node', args: [planner], env, envFile: '.env' },
      crash: { command: 'node', args: args('crash.mjs'), env, transport: 'http' },
      early: { command: 'node', args: args('crash.mjs'), env },
      dies: { command: 'node', args: ['dies.mjs'], env },
      missing: { command: 'no-such-command', args: args('x'), env },
      far: { url: `${upstream}/mcp?key=\${MY_QUERY}`, headers },
      refuses: { url: `${upstream}/refuses?key=${secrets.query}`, headers },
      down: { url: `http://127.0.0.1:1/mcp?key=${secrets.query}`, headers },
    },
  })
  const given = {
    MY_SECRET: secrets.filled,
    MY_ARGUMENT: secrets.argument,
    MY_KEY: secrets.key,
    MY_QUERY: secrets.query,
  }
  const run = (...words: string[]) => here.berth(words, { env: given })
  const serving = await here.serve([], { env: given })
  const said: string[] = []

  const ids = await playSessions(t, { here, serving }, said)
  const tokens = await askAdmin(here, said)
  const outcomes = await Promise.all([
    run('sessions', '--all'),
    run('sessions', '--all', '--json'),
    ...ids.map((id) => run('sessions', 'show', handleOf(id))),
    run('logs', handleOf(ids[0]!)),
    run('sessions', 'stop', 'ffffffff'),
    run('check', '--start', file),
    run('client-config', 'claude-code'),
    run('tools', serving.mcp('crash'), '--header', `Authorization: Bearer ${secrets.client}`),
  ])
  for (const { stdout, stderr } of outcomes) said.push(stdout, stderr)
  // A variable that is not set, and a file that cannot be read, say nothing of the rest.
  said.push((await here.berth(['check'], { env: { ...given, MY_KEY: undefined } })).stderr)
  const broken = readFileSync(file, 'utf8').replace('"mcpServers"', '"mcpServer')
  said.push((await run('check', here.put('broken.json', broken))).stderr)
  assert.match(said.at(-1)!, /broken\.json has/)

  // While it runs, what stands in its files is for its owner alone; but not even that is all.
  const whileItRan = filesBelow(here.stateDir)
  serving.child.kill('SIGTERM')
  const { stdout, stderr } = await serving.done
  said.push(stdout, stderr)
  assert.ok(stdout.includes('"session.missed"') && stdout.includes('"request.failed"'))

  const everything = said.join('\n') + filesBelow(here.stateDir)
  for (const [name, value] of Object.entries(secrets)) {
    assert.ok(!whileItRan.includes(value), `${name}: ${lineWith(whileItRan, value)}`)
    assert.ok(!everything.includes(value), `${name}: ${lineWith(everything, value)}`)
  }
  for (const id of ids) assert.ok(!whileItRan.includes(id), lineWith(whileItRan, id))
  for (const value of [...ids, ...tokens]) {
    assert.ok(!everything.includes(value), lineWith(everything, value))
  }
})

/** Sessions that go well and sessions that fail. @returns the public ids that were given out */
async function playSessions(
  t: TestContext,
  { here, serving }: { here: Place; serving: Serving },
  said: string[],
): Promise<string[]> {
  const ids: string[] = []
  const headers = { authorization: `Bearer ${secrets.client}`, cookie: `a=${secrets.client}` }
  const open = async (server: string) => {
    const session = await connectClient(t, serving.mcp(server), {
      headers,
      elicitation: () => ({ action: 'cancel' }),
    })
    ids.push(session.sessionId!)
    return session
  }
  const good = await open('good')
  await good.call('plan_trip')
  const far = await open('far')
  await far.terminate()
  const dying = await open('dies')
  here.put('die', '')
  for (const server of ['crash', 'early', 'missing', 'refuses', 'down', 'unknown']) {
    said.push(String(await open(server).catch((error: unknown) => error)))
  }
  await serving.says(/"server":"dies","reason":"worker-exited"/)
  said.push(String(await dying.call('whoami').catch((error: unknown) => error)))
  for (const sessionId of [far.sessionId ?? ids[1]!, 'nonsense', undefined]) {
    const answer = await postRpc(serving.mcp('good'), ping, { headers, sessionId })
    said.push(await answer.text())
  }
  const evil = await postRpc(serving.mcp('good'), ping, { headers: { ...headers, host: 'evil' } })
  said.push(await evil.text())
  return ids
}

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }

/** @returns the admin token and the nonces, which are secrets too */
async function askAdmin({ stateDir }: Place, said: string[]): Promise<string[]> {
  const [identityFile] = privateFiles(join(stateDir, 'gateways'))
  const { adminUrl, token } = JSON.parse(readFileSync(identityFile!, 'utf8')) as {
    adminUrl: string
    token: string
  }
  const paths = ['/api/sessions?all=true', '/metrics', '/api/sessions/nonsense', '/nothing']
  for (const path of paths) {
    for (const authorization of [`Bearer ${token}`, `Bearer ${secrets.client}`, undefined]) {
      const answer = await rawRequest(`${adminUrl}${path}`, { headers: { authorization } })
      said.push(JSON.stringify(answer.rawHeaders), await answer.text())
    }
  }
  const nonces = privateFiles(join(stateDir, 'workers')).map(
    (name) => (JSON.parse(readFileSync(name, 'utf8')) as { nonce: string }).nonce,
  )
  assert.ok(nonces.length > 0)
  return [token, ...nonces]
}

function privateFiles(folder: string): string[] {
  const files = readdirSync(folder).map((name) => join(folder, name))
  for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600, file)
  return files
}

function filesBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
}

function lineWith(text: string, value: string): string {
  return text.split('\n').find((line) => line.includes(value)) ?? ''
}

/** A remote MCP server that wants the headers of the configuration, and one that refuses. */
async function startUpstream(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    const { authorization, 'x-key': key, cookie } = request.headers
    const isKnown = authorization === `Bearer ${secrets.header}` && key === secrets.key
    if (!isKnown || cookie !== undefined || !request.url?.startsWith('/mcp')) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"who?"}')
      return
    }
    const result = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      serverInfo: { name: 'far', version: '1' },
    }
    const isInitialize = request.method === 'POST' && !request.headers['mcp-session-id']
    response.writeHead(isInitialize ? 200 : request.method === 'GET' ? 405 : 202, {
      'content-type': 'application/json',
      'mcp-session-id': 'upstream-session',
    })
    response.end(isInitialize ? JSON.stringify({ jsonrpc: '2.0', id: 0, result }) : '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
