import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import type { Linter as Eslint } from 'eslint'
import { Linter } from 'eslint'
import tseslint from 'typescript-eslint'

import { compiled } from '../support/config.ts'

const root = compiled('..')

interface Guarded {
  default: Eslint.Config[]
  rooms: Record<string, string[]>
}
const file = join(root, 'config', 'eslint.config.js')
const { default: config, rooms } = (await import(pathToFileURL(file).href)) as Guarded
const rule = 'no-restricted-imports'
// The other rules want types, which take seconds to load and are tested by being used.
const arrows = config
  .filter(({ rules = {} }) => rule in rules)
  .map(({ files = [], rules = {} }) => ({ files, rules: { [rule]: rules[rule] ?? 'off' } }))
const linter = new Linter({ cwd: root })
const parser = tseslint.parser as Eslint.Parser

/** Whether a file below src may have this import. */
function mayImport(name: string, specifier: string, what = '{ x }'): boolean {
  const text = `import ${what} from '${specifier}'\nexport const y = 1\n`
  const base: Eslint.Config = { files: ['**/*.ts'], languageOptions: { parser } }
  const filename = join(root, 'src', name)
  const said = linter.verify(text, [base, ...arrows] as Eslint.Config[], { filename })
  assert.ok(!said.some(({ fatal }) => fatal), JSON.stringify(said))
  return said.length === 0
}

test('an arrow that points back is an error, however deep the file lies', () => {
  const wrong: [string, string][] = [
    ['ground/log.ts', '../sessions/record.ts'],
    ['keeper/main.ts', '../workers/driver.ts'],
    ['workers/setup.ts', '../keeper/main.ts'],
    ['workers/limits/limits.ts', '../../sessions/record.ts'],
    ['sessions/stores/redis/link.ts', '../../../proxy/plugin.ts'],
    ['sessions/stores/redis/link.ts', '../../../gateway.ts'],
    ['load/probes/break-outs/files.ts', '../../../client/connect.ts'],
    ['client/call.ts', '../demo/run.ts'],
    ['proxy/plugin.ts', '../config/load.ts'],
    ['sessions/manager.ts', 'fastify'],
  ]
  for (const [from, to] of wrong) assert.ok(!mayImport(from, to), `${from} -> ${to}`)
})

test('what the table allows is none, nor is a folder that is called like a room', () => {
  const right: [string, string][] = [
    ['workers/driver.ts', '../keeper/protocol.ts'],
    ['sessions/stores/redis/link.ts', '../../../ground/clock.ts'],
    ['load/drive/lane.ts', '../client/session.ts'],
    ['config/schema.ts', '../workers/options.ts'],
    ['demo/run.ts', '../client/connect.ts'],
    ['cli/commands/serve.ts', '../../gateway.ts'],
    ['admin/plugin.ts', 'fastify'],
  ]
  for (const [from, to] of right) assert.ok(mayImport(from, to), `${from} -> ${to}`)
})

test('what removes files is imported behind two doors only', () => {
  for (const what of ['{ rm }', '{ rmSync }', '{ rmdir }', '{ unlink as x }', 'fs', '* as fs']) {
    for (const name of ['workers/keeper-host.ts', 'sessions/directories.ts', 'keeper/main.ts']) {
      assert.ok(!mayImport(name, 'node:fs', what), `${name}: ${what}`)
      assert.ok(!mayImport(name, 'node:fs/promises', what), `${name}: ${what}`)
    }
  }
  assert.ok(mayImport('workers/keeper-host.ts', 'node:fs', '{ readdirSync }'))
  assert.ok(mayImport('ground/removal.ts', 'node:fs', '{ rmSync }'))
  assert.ok(mayImport('sessions/folders/trash.ts', 'node:fs/promises', 'fs'))
  assert.ok(!mayImport('sessions/folders/trash.ts', '../../proxy/plugin.ts'))
})

test('the table is of the rooms that there are, and src/README.md draws the same', () => {
  const found = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  assert.deepEqual(Object.keys(rooms).sort(), found.sort())
  const map = readFileSync(join(root, 'src', 'README.md'), 'utf8')
  const said = [...map.matchAll(/^\| `(\w+)\/` +\|/gm)].map(([, name]) => name)
  assert.deepEqual(said.sort(), found)
})

test('no file lies deeper than the rules look', () => {
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name === 'gateway.ts') continue
    const name = join(entry.parentPath, entry.name).slice(join(root, 'src').length + 1)
    const [room = ''] = name.split('/')
    const target = Object.keys(rooms).find((other) => other !== room && rooms[room]?.length === 0)
    if (target === undefined || target === 'ground') continue
    const up = '../'.repeat(name.split('/').length - 1)
    assert.ok(!mayImport(name, `${up}${target}/x.ts`), name)
  }
})
