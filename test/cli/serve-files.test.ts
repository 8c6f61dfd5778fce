import assert from 'node:assert/strict'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { place } from './berth.ts'
import type { Serving } from './berth.ts'

const project = join(import.meta.dirname, '..', '..', '..')
const about = `import ${JSON.stringify(compiled('test/fixtures/workers/tells-who.js'))}`

describe('serve', { concurrency: 3 }, () => {
  it('serves both servers of the sample, from another folder than the clone', async (t) => {
    const { folder, serve } = place(t)
    const clone = join(folder, 'clone')
    mkdirSync(clone)
    cpSync(join(project, 'config'), join(clone, 'config'), { recursive: true })
    symlinkSync(join(project, 'dist'), join(clone, 'dist'))
    const file = join(clone, 'config', 'berth.yaml')
    const serving = await serve(['--config', file])

    const said = serving.said()
    assert.ok(said.includes(`Berth listens on ${serving.url}, with ${file}\n`), said)
    for (const line of [
      'trip-planner: node dist/src/demo/trip-planner.js (stdio, process, in ',
      'expenses: node dist/src/demo/expenses.js --http (http on $PORT, process, in ',
    ]) {
      assert.ok(said.includes(`  ${line}${clone}, idle 15 min, at most 8 h)\n`), said)
    }
    assert.match(said, /^isolation process: .*no wall/m)
    for (const [server, tool] of [
      ['trip-planner', 'plan_trip'],
      ['expenses', 'add_expense'],
    ] as const) {
      const { client } = await connectClient(t, serving.mcp(server))
      const { tools } = await client.listTools()
      assert.equal(tools[0]?.name, tool)
    }
  })

  for (const [name, key, more] of [
    ['mcp.json', 'mcpServers', {}],
    ['.mcp.json', 'mcpServers', { type: 'stdio' }],
    ['.vscode/mcp.json', 'servers', { type: 'stdio', dev: { watch: 'src/**' } }],
    ['.cursor/mcp.json', 'mcpServers', { alwaysAllow: ['look'] }],
  ] as const) {
    it(`takes a ${name} of another client as it is`, async (t) => {
      const { folder, put, serve } = place(t)
      const inputs = [{ type: 'promptString', id: 'unused', description: 'Unused' }]
      const file = put(name, {
        ...(key === 'servers' ? { inputs } : {}),
        [key]: {
          mine: { command: 'node', args: ['server.mjs'], env: { KEY: '${HOME}!' }, ...more },
          other: { command: 'node', args: ['server.mjs'], disabled: true },
        },
      })
      put('server.mjs', about)
      put('elsewhere/empty', '')
      const serving = await serve([file], { cwd: join(folder, 'elsewhere') })
      const { cwd, env } = await look(t, serving, 'mine')
      assert.equal(cwd, folder)
      assert.equal(env['KEY'], `${process.env['HOME'] ?? ''}!`)
      assert.match(serving.said(), /other is left out/)
      assert.match(serving.said(), new RegExp(`/servers/mine/mcp and ${serving.url}/mcp`))
    })
  }

  it('says what enforces the limits of a server, and what does not', async (t) => {
    const { put, serve } = place(t)
    put('berth.yaml', {
      mcpServers: {
        bound: { command: 'node', limits: { openFiles: 1024, disk: '1GiB' } },
        free: { command: 'node' },
      },
    })
    const { said } = await serve([])
    assert.match(
      said(),
      /^ {2}bound: .*\n {2}limits: 1024 open files by rlimit .*\n {2}not enforced: 1GiB of disk \(.*isolation: sandbox/m,
    )
    assert.match(said(), /^ {2}free: .*\n\n/m)
    assert.match(
      said(),
      /^AgentCore: arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime\/\{bound-\w{10},free-\w{10}\}$/m,
    )
  })

  it('takes what VS Code would ask for from a variable, and refuses to start without it', async (t) => {
    const { put, berth, serve } = place(t)
    const env = { API_KEY: '${input:api-key}' }
    const inputs = [{ type: 'promptString', id: 'api-key', password: true, description: 'Key' }]
    put('.vscode/mcp.json', { inputs, servers: { mine: { command: 'node', env } } })
    const refused = await berth(['serve'])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /servers\.mine\.env\.API_KEY: .*input:api-key/)
    assert.match(refused.stderr, /Set the variable API_KEY/)
    const { said } = await serve([], { env: { API_KEY: 'k' } })
    assert.match(said(), /, with .*project\/\.vscode\/mcp\.json$/m)
  })

  it('serves a command, at /mcp too, in the folder where one stands', async (t) => {
    const { folder, put, serve } = place(t)
    put('server.mjs', about)
    const secret = { GITHUB_TOKEN: 'of the gateway alone' }
    const serving = await serve(['--', 'node', 'server.mjs'], { env: secret })
    const { cwd, env } = await look(t, serving, 'server')
    assert.equal(cwd, folder)
    assert.equal(JSON.stringify(env).includes('of the gateway alone'), false)
    const { call } = await connectClient(t, `${serving.url}/mcp`)
    assert.ok(textOf(await call('about')).includes(folder))
  })

  it('serves an HTTP command, on $PORT or on the port that it insists on', async (t) => {
    const { serve } = place(t)
    const words = ['--', 'node', compiled('src/demo/expenses.js'), '--http']
    const port = await freePort()
    const [free, fixed] = await Promise.all([
      serve(['--http', ...words]),
      serve(['--port', String(port), ...words, '--port', String(port)]),
    ])
    assert.match(free.said(), /\(http on \$PORT, process, /)
    assert.match(fixed.said(), new RegExp(`\\(http on port ${port}, process, `))
    assert.match(fixed.said(), /one session at a time/)
    for (const { url } of [free, fixed]) {
      const { client } = await connectClient(t, `${url}/mcp`)
      assert.equal((await client.listTools()).tools.length, 3)
    }
    await connectClient(t, `${free.url}/mcp`)
    await assert.rejects(connectClient(t, `${fixed.url}/mcp`), /ERR_WORKERS_PORT_TAKEN/)
  })
})

interface Seen {
  cwd: string
  env: Record<string, string>
}

async function look(t: TestContext, serving: Serving, server: string): Promise<Seen> {
  const { call } = await connectClient(t, serving.mcp(server))
  return JSON.parse(textOf(await call('about'))) as Seen
}
