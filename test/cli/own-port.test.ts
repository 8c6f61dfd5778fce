import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { connectClient } from '../support/mcp-client.ts'
import { need } from '../support/needs.ts'
import { place } from './berth.ts'

const elsewhere = compiled('test/fixtures/workers/listens-elsewhere.js')
const expenses = compiled('src/demo/expenses.js')
const skip = process.platform === 'linux' ? false : 'whose a socket is tells /proc alone'

/** As AgentCore's documentation has it. */
const agentCore = `from fastmcp import FastMCP
mcp = FastMCP("notes")
mcp.run(transport="streamable-http", host="0.0.0.0", port=8123, stateless_http=True)
`
const many = '--isolation sandbox --network private'

describe('a server with a port of its own', { concurrency: 3, skip }, () => {
  it('is recognised, and the line that serves it many times is said', async (t) => {
    const port = await freePort()
    const { serve, berth } = place(t)
    const serving = await serve([
      ...['--env', 'A=hush', '--', 'node', expenses, '--http', '--port', String(port)],
    ])
    const refused = connectClient(t, serving.mcp('server'))
    await assert.rejects(refused, /ERR_WORKERS_LISTENS_ELSEWHERE/)
    // With a sandbox or without one, it is a line that can be run.
    const [, line = ''] = await serving.says(/(?:at once|at a time): {2}mcp-berth (.*)/)
    const words = line.replace(/A=…/, 'A=1').split(' ')
    assert.ok(line.startsWith(`serve --port ${port} `), line)
    assert.ok(
      line.includes(`--env A=… `) && line.endsWith(`-- node ${expenses} --http --port ${port}`),
      line,
    )
    assert.doesNotMatch(serving.said(), /hush/)
    const isMany = line.includes(many)
    if (!isMany) assert.match(serving.said(), /Many sessions at once need a sandbox, which cannot/)
    const checked = await berth(['check', '--start', ...onlyServer(words)])
    assert.equal(checked.code, 0, checked.stdout + checked.stderr)
  })

  for (const version of ['fastmcp3', 'fastmcp4'] as const) {
    it(`is found out where it runs as AgentCore has it, with ${version}`, async (t) => {
      const python = need(t, version)
      if (python === undefined) return
      const port = String(await freePort())
      const { put, berth } = place(t)
      put('server.py', agentCore.replace('8123', port))
      const { code, stdout } = await berth(['check', '--start', '--', python, 'server.py'])
      assert.equal(code, 1)
      assert.match(
        stdout,
        new RegExp(`server\\.py listens on 0\\.0\\.0\\.0:${port} and says nothing`),
      )
      assert.match(
        stdout,
        new RegExp(`mcp-berth serve --port ${port} .*-- ${python} server\\.py$`, 'm'),
      )
    })
  }

  it('is told the keys of the file where it stands in one', async (t) => {
    const port = await freePort()
    const { put, berth } = place(t)
    put('mcp.json', { mcpServers: { notes: { command: 'node', args: [elsewhere, String(port)] } } })
    const { code, stdout } = await berth(['check', '--start'])
    assert.equal(code, 1)
    const keys = `transport: http, port: ${port}, isolation: sandbox and network: private`
    assert.match(
      stdout,
      new RegExp(
        `listens on 0\\.0\\.0\\.0:${port} and says nothing on stdio\\. Set .*${keys} for many`,
      ),
    )
    assert.match(stdout, new RegExp(`at once: {2}give the server notes ${keys}|need a sandbox`))
  })

  it('is known before its first session when its text says so', async (t) => {
    const { put, serve } = place(t)
    put('server.py', agentCore)
    put('either.py', `${agentCore}\nmcp.run(transport="stdio")`)
    put('agent.py', 'app = BedrockAgentCoreApp()\napp.run()')
    const [hardCoded, fixed, either, agent] = await Promise.all([
      serve(['--', 'python3', 'server.py']),
      serve(['--port', '8123', '--', 'python3', 'server.py']),
      serve(['--', 'python3', 'either.py']),
      serve(['--', 'python3', 'agent.py']),
    ])
    await hardCoded.says(/^server\.py seems to listen on port 8123, whatever it is told\.$/m)
    await hardCoded.says(/--port 8123 .*-- python3 server\.py$/m)
    await fixed.says(/--port 8123 --isolation sandbox --network private|need a sandbox/)
    await agent.says(/agent\.py seems to listen on port 8080/)
    await agent.says(/serve --protocol http --port 8080 /)
    either.child.kill('SIGTERM')
    assert.doesNotMatch((await either.done).stderr, /seems to listen/)
  })

  it('serves one session at a time, and the second is told what helps', async (t) => {
    const port = await freePort()
    const { serve } = place(t)
    const serving = await serve(['--port', String(port), '--', 'node', elsewhere, String(port)])
    await connectClient(t, serving.mcp('server'))
    await assert.rejects(connectClient(t, serving.mcp('server')), /ERR_WORKERS_PORT_TAKEN/)
    await serving.says(
      new RegExp(
        `Port ${port} of server server is in use by another session\\. A fixed port serves one session at a time\\. Use ${many} to give each session the port to itself\\. Or let the server listen on the port that it finds in PORT \\(--http in place of --port\\)`,
      ),
    )
  })
})

/** What `check` takes of a line for `serve`. */
function onlyServer([, ...words]: string[]): string[] {
  const isOther = (word: string): boolean => /^--(listen-port|admin-port)$/.test(word)
  return words.filter((word, at) => !isOther(word) && !isOther(words[at - 1] ?? ''))
}
