import assert from 'node:assert/strict'
import { chmodSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import * as Schema from 'typebox/schema'
import { parse } from 'yaml'

import { loadConfig } from '../../src/config/load.ts'
import { configJsonSchema, configReference } from '../../src/config/schema.ts'
import { folderOf, inputFor, launchOf, serverOf } from './in-folder.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const sample = readFileSync(path.join(root, 'config/berth.yaml'), 'utf8')

test('the sample runs as it stands, from any folder, with the demo servers', (t) => {
  const elsewhere = folderOf(t)
  const env = { PATH: process.env.PATH }
  const file = path.join(root, 'config/berth.yaml')
  const config = loadConfig({ file, cwd: elsewhere, homeDir: elsewhere, env })
  assert.deepEqual(launchOf(config, 'trip-planner').args, ['dist/src/demo/trip-planner.js'])
  assert.deepEqual(launchOf(config, 'expenses').args, ['dist/src/demo/expenses.js', '--http'])
  assert.equal(launchOf(config, 'expenses').transport, 'http')
  for (const { cwd } of config.servers) assert.equal(cwd, root)
})

const everything = sample
  .split('\n')
  .map((line) => line.replace(/^(\s*)#(?! \S|$)/, '$1'))
  .join('\n')

test('the sample with every comment taken off is valid too', (t) => {
  const env = { BILLING_KEY: 'k', SEARCH_KEY: 's', PATH: process.env.PATH }
  const files = {
    'project/config/.env': 'A=1\n',
    'project/config/secrets.yaml': 'shared: {}\n',
    'project/config/secret-of.sh': '#!/bin/sh\n',
  }
  const input = inputFor(t, everything, { name: 'project/config/berth.yaml', env, files })
  chmodSync(path.join(input.root, 'project/config/secrets.yaml'), 0o600)
  const config = loadConfig(input)
  assert.deepEqual(
    config.servers.map(({ name }) => name),
    ['trip-planner', 'expenses', 'billing', 'sentry', 'team'],
  )
  assert.equal(serverOf(config, 'billing').env.API_KEY, 'k')
})

test('the sample has every option, and points editors at the schema', () => {
  assert.match(sample, /^# yaml-language-server: \$schema=\.\/berth\.schema\.json\n/)
  for (const { key } of configReference()) {
    const name = key.split('.').at(-1) ?? ''
    assert.match(sample, new RegExp(`\\b${name}:`), `${key} is not in config/berth.yaml`)
  }
})

test('the committed schema for editors is up to date (npm run schema)', () => {
  const committed: unknown = JSON.parse(
    readFileSync(path.join(root, 'config/berth.schema.json'), 'utf8'),
  )
  assert.deepEqual(committed, JSON.parse(JSON.stringify(configJsonSchema())))
})

test('the schema for editors accepts the sample, and refuses what the loader refuses', () => {
  const schema = configJsonSchema()
  const accepts = (value: unknown): boolean => Schema.Check(schema, value)
  assert.ok(accepts(parse(sample)))
  assert.ok(accepts(parse(everything)))
  const mcpServers = { demo: { command: 'node', alwaysAllow: [] } }
  assert.ok(accepts({ $schema: './x', mcpServers }))
  assert.ok(accepts({ servers: mcpServers, inputs: [] }))
  assert.ok(!accepts({}))
  assert.ok(!accepts({ mcpServers, listne: {} }))
  assert.ok(!accepts({ mcpServers, listen: { port: '8080' } }))
  assert.ok(!accepts({ mcpServers: { demo: { command: 'node', graceMs: 1.5 } } }))
})

test('every key has a description, and every number a minimum and a default', () => {
  for (const row of configReference()) assert.ok(row.description.length > 10, row.key)
  const numbers = configReference().filter(({ type }) => type.startsWith('whole number'))
  assert.ok(numbers.length >= 15)
  for (const row of numbers) {
    assert.ok(row.default !== '' || row.key === 'mcpServers.NAME.port', `${row.key} has no default`)
  }
  const keys = configReference().map(({ key }) => key)
  for (const key of [
    'listen.port',
    'maxSessions',
    'defaults',
    'mcpServers.NAME.lifecycleConfiguration.maxLifetime',
  ]) {
    assert.ok(keys.includes(key), key)
  }
})
