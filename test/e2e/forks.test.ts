import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import test from 'node:test'

import { askAdmin } from '../support/admin.ts'
import type { TestServer } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { processesWith } from '../support/processes.ts'
import { pythonServer } from '../support/python.ts'
import { callTool, openSession } from '../support/raw-mcp.ts'
import { tempDir } from '../support/temp.ts'
import { skipWithoutNamespace } from '../workers/rig.ts'

const fastmcp = needed('fastmcp3')
const options = { skip: fastmcp.skip === false ? skipWithoutNamespace : fastmcp.skip }
const python = fastmcp.skip === false ? fastmcp.path : ''
const program = join(dirname(python), 'fastmcp')
const preload = ['fastmcp', 'pydantic']

const ways: Record<string, TestServer> = {
  'a file over stdio': { command: [python, pythonServer], preload },
  'a file over HTTP': { command: [python, pythonServer, '--http'], http: true, preload },
  'a file over HTTP, behind its keeper': {
    command: [python, pythonServer, '--http'],
    relay: true,
    http: true,
    preload,
  },
  'fastmcp run': { command: [program, 'run', pythonServer, '--no-banner'], preload },
  'python -m': {
    command: [python, '-m', 'fastmcp.cli', 'run', pythonServer, '--no-banner'],
    preload,
  },
}

test('FastMCP servers are forked, however they are started', options, async (t) => {
  const names = Object.keys(ways).map((_, at) => `s${at}`)
  const servers = Object.fromEntries(Object.values(ways).map((server, at) => [`s${at}`, server]))
  const gateway = await startTestGateway(t, servers)
  // One for all: they have the same interpreter, modules, folder and environment.
  await gateway.saw('template.ready')
  for (const [at, way] of Object.keys(ways).entries()) {
    await t.test(way, async () => {
      const url = new URL(gateway.mcp(names[at]!))
      const [one, two] = [await openSession({ url }), await openSession({ url })]
      for (const [id, text] of [
        [one, 'one'],
        [two, 'two'],
      ] as const) {
        assert.deepEqual(await callTool({ url }, id, 'remember', { text }), [text])
      }
      const used = gateway.seen('template.used').filter(({ server }) => server === names[at])
      assert.deepEqual(
        used.map(({ outcome }) => outcome),
        ['forked', 'forked'],
      )
    })
  }
  const metrics = await (await askAdmin(gateway, '/metrics')).text()
  assert.match(metrics, /berth_template_starts_total\{server="s0",outcome="forked"\} 2/)
})

test('kill -9 of a gateway leaves neither a template nor a fork', options, async (t) => {
  const mark = `BERTH_TEST_MARK=${tempDir(t)}`
  const [name = '', value = ''] = mark.split('=')
  const env = { PATH: process.env['PATH'] ?? '', [name]: value }
  const server = { command: [python, pythonServer] as [string, string], preload, env }
  const gateway = await startGatewayProcess(t, { forked: server }, { stateDir: tempDir(t) })
  await gateway.saw('template.ready')
  await openSession({ url: new URL(gateway.mcp('forked')) })
  await gateway.saw('template.used', ({ outcome }) => outcome === 'forked')
  // The template, what waits beside the fork, the fork, and the two above it that keep its namespace.
  assert.equal(processesWith(mark).length, 5)
  await gateway.kill()
  await eventually(() => assert.deepEqual(processesWith(mark), []))
})
