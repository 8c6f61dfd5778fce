import assert from 'node:assert/strict'
import test from 'node:test'

import { stdioHint } from '../../src/workers/advice.ts'
import type { LocalLaunch } from '../../src/workers/driver.ts'

const launch: LocalLaunch = {
  kind: 'local',
  shown: 'node server.js',
  command: 'node',
  args: ['server.js'],
  transport: 'http',
  path: '/mcp',
  relay: false,
  limits: {},
  sandbox: { network: 'host', outbound: true, mounts: [], hidden: [] },
  origin: { isCommandLine: true, withheld: [] },
}

test('a server that should speak HTTP, and ends well or speaks of stdio, may speak stdio', () => {
  const leaveOut = ' If it speaks stdio, leave out --http.'
  assert.equal(stdioHint(launch, { exitCode: 0, lastLines: [] }), leaveOut)
  for (const line of ['Weather MCP Server running on stdio', '{"jsonrpc":"2.0","id":1}']) {
    assert.equal(stdioHint(launch, { exitCode: null, lastLines: [line] }), leaveOut)
  }
  const inFile = { ...launch, origin: { isCommandLine: false, withheld: [] } }
  assert.equal(
    stdioHint(inFile, { exitCode: 0, lastLines: [] }),
    ' If it speaks stdio, take out transport: http.',
  )
})

test('nothing is said of stdio where nothing points to it', () => {
  assert.equal(stdioHint(launch, { exitCode: 1, lastLines: ['Error'] }), '')
  const stdio: LocalLaunch = { ...launch, transport: 'stdio' }
  assert.equal(stdioHint(stdio, { exitCode: 0, lastLines: [] }), '')
})
