import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'

import { loadConfig } from '../../src/config/load.ts'
import { inputFor, launchOf, serverOf } from './in-folder.ts'

test('a .vscode/mcp.json is a configuration as it is', (t) => {
  const text = `{
  // the servers of this project
  "inputs": [{ "type": "promptString", "id": "unused", "description": "x", "password": true }],
  "servers": {
    "My Files": {
      "type": "stdio",
      "command": "node",
      "args": ["\${workspaceFolder}/files.js", "\${userHome}"],
      "envFile": "\${workspaceFolder}/.env",
      "env": { "LEVEL": 3, "LANG": null },
      "dev": { "watch": "src/**/*.ts" },
      "gallery": true, "version": "1.0.0",
    },
    "docs": { "type": "http", "url": "https://docs.example.com/mcp" },
  },
}`
  const input = inputFor(t, text, {
    name: 'project/.vscode/mcp.json',
    files: { 'project/.env': 'KEY=k\n' },
    env: { LANG: 'C' },
  })
  const config = loadConfig(input)
  const files = serverOf(config, 'My-Files')
  const project = path.join(input.root, 'project')
  assert.deepEqual(launchOf(config, 'My-Files').args, [`${project}/files.js`, `${input.root}/home`])
  assert.equal(files.cwd, project)
  assert.deepEqual([files.env.KEY, files.env.LEVEL, files.env.LANG], ['k', '3', undefined])
  assert.equal(serverOf(config, 'docs').driver, 'remote')
  assert.match(config.warnings.join('\n'), /Berth does not know dev, gallery and version/)
})

test("a project's .mcp.json of Claude Code is a configuration as it is", (t) => {
  const mcpServers = {
    local: {
      type: 'stdio',
      command: '${RUNTIME:-node}',
      args: ['${CLAUDE_PROJECT_DIR:-.}/server.js'],
      env: { KEY: '${KEY}' },
      timeout: 60_000,
    },
    far: {
      type: 'http',
      url: '${BASE:-https://api.example.com}/mcp',
      headers: { a: 'Bearer ${KEY}' },
    },
    old: { type: 'streamable-http', url: 'https://old.example.com/mcp', alwaysLoad: true },
  }
  const config = loadConfig(
    inputFor(t, { mcpServers }, { name: 'project/.mcp.json', env: { KEY: 'k' } }),
  )
  assert.deepEqual(launchOf(config, 'local').args, ['./server.js'])
  assert.equal(serverOf(config, 'local').env.KEY, 'k')
  assert.equal(config.servers.length, 3)
})

test('a .cursor/mcp.json, and what Cline and Roo write, are configurations as they are', (t) => {
  const mcpServers = {
    files: { command: 'node', args: ['${workspaceFolder}'], envFile: '.env' },
    far: { url: 'https://far.example.com/mcp', headers: { a: '${env:KEY}' } },
    cline: {
      command: 'node',
      alwaysAllow: ['read'],
      autoApprove: [],
      disabled: false,
      timeout: 60,
    },
    roo: { type: 'streamableHttp', url: 'https://roo.example.com/mcp', disabledTools: [] },
    off: { command: 'missing', disabled: true },
  }
  const config = loadConfig(
    inputFor(
      t,
      { mcpServers },
      {
        name: 'project/.cursor/mcp.json',
        files: { 'project/.env': '' },
        env: { KEY: 'k', PATH: process.env.PATH },
      },
    ),
  )
  assert.deepEqual(
    config.servers.map(({ name }) => name),
    ['files', 'far', 'cline', 'roo'],
  )
  assert.match(launchOf(config, 'files').args[0] ?? '', /\/project$/)
})
