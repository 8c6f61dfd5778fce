import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { readmeTables, withTables } from './tables.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

test('the tables of README.md are what the code says (npm run docs brings them up to date)', async () => {
  const text = read('README.md')
  for (const name of Object.keys(await readmeTables())) {
    assert.ok(text.includes(`<!-- table: ${name} -->`), `README.md has a table ${name}`)
  }
  assert.equal(await withTables(text), text)
})

test('every file and script that README.md and src/README.md name is there', () => {
  const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts
  for (const name of ['README.md', 'src/README.md']) {
    const text = read(name)
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      assert.ok(existsSync(join(root, dirname(name), link)), `${name} links to ${link}`)
    }
    for (const [, script = ''] of text.matchAll(/npm run ([a-z]+)/g)) {
      assert.ok(script in scripts, `${name} names npm run ${script}`)
    }
  }
})

test('src/README.md names every room of src, and src has nothing else', () => {
  const map = read('src/README.md')
  for (const entry of readdirSync(join(root, 'src'), { withFileTypes: true })) {
    if (entry.name === 'README.md') continue
    const isRoom = entry.isDirectory()
    assert.ok(isRoom || entry.name === 'gateway.ts', `src/${entry.name} belongs into a room`)
    const name = isRoom ? `\`${entry.name}/\`` : '`gateway.ts`'
    assert.ok(map.includes(name), `src/README.md says what ${name} is for`)
  }
})
