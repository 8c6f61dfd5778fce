import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { commands } from '../../src/cli/commands/index.ts'
import { anchorsOf, linksOf, readmesOf, shellLines } from './markdown.ts'
import { generated, withTables } from './tables.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (name: string): string => readFileSync(join(root, name), 'utf8')
const readmes = readmesOf(root)
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
/** Where a link of a page leads, relative to the root. */
const target = (page: string, path: string): string =>
  path === '' ? page : normalize(join(dirname(page), path))

test('the tables of the READMEs are what the code says (npm run docs brings them up to date)', async () => {
  for (const page of readmes) {
    const places = [...read(page).matchAll(/<!-- table: (\S+) -->/g)].map(([, name]) => name)
    assert.deepEqual(places, Object.keys(generated[page] ?? {}), `the tables of ${page}`)
    assert.equal(await withTables(page, read(page)), read(page), page)
  }
})

test('README.md is short, and every other README is one click away from it', () => {
  const text = read('README.md')
  assert.ok(text.split('\n').length < 250)
  const reached = new Set(linksOf(text).map(({ path }) => target('README.md', path)))
  for (const page of readmes) assert.ok(page === 'README.md' || reached.has(page), page)
})

test('every link of a README leads to a file, and to a heading of it', () => {
  for (const page of readmes) {
    for (const { path, anchor } of linksOf(read(page))) {
      const file = target(page, path)
      assert.ok(existsSync(join(root, file)), `${page} links to ${path}`)
      if (anchor === undefined) continue
      assert.ok(anchorsOf(read(file)).has(anchor), `${page} links to ${path}#${anchor}`)
    }
  }
})

test('every script of package.json that somebody may want is named in README.md', () => {
  const text = read('README.md')
  for (const script of Object.keys(scripts)) {
    // npm runs these by itself.
    if (['dependencies', 'prepack'].includes(script)) continue
    const call = ['test', 'start'].includes(script) ? `npm ${script}` : `npm run ${script}`
    assert.match(text, new RegExp(`\`${call}( -- [A-Z]+)?\``), call)
  }
})

test('every script that a README names is there', () => {
  for (const page of readmes) {
    for (const [, script = ''] of read(page).matchAll(/npm run ([a-z:]*[a-z])/g)) {
      assert.ok(script in scripts, `${page} names npm run ${script}`)
    }
  }
})

test('test/bench/README.md names every benchmark', () => {
  const page = read('test/bench/README.md')
  const sources = readdirSync(join(root, 'test/bench')).filter((name) => name.endsWith('.ts'))
  const names = sources.flatMap((name) =>
    [...read(`test/bench/${name}`).matchAll(/: Benchmark = \{\s+name: '(\w+)'/g)].map(
      ([, one]) => one,
    ),
  )
  assert.ok(names.length > 5)
  for (const name of names) assert.ok(page.includes(`\`${name}\``), name)
})

test('every command line of a README names a command, and options that it has', () => {
  for (const page of readmes) {
    for (const [name, options] of commandLines(read(page))) {
      if (['help', '--version', 'COMMAND'].includes(name)) continue
      const command = commands.get(name)
      assert.ok(command, `${page} calls mcp-berth ${name}`)
      for (const option of options) {
        assert.ok(option in command.options, `${page}: ${name} has no --${option}`)
      }
    }
  }
})

/** Each call of mcp-berth in a page: the command and its options. */
function commandLines(text: string): [name: string, options: string[]][] {
  return shellLines(text).flatMap((line) =>
    line
      .split(/\bmcp-berth /)
      .slice(1)
      .map((call): [string, string[]] => {
        const [words = ''] = call.split(/ -- |[#|)]/)
        const options = [...words.matchAll(/ --([a-z-]+)/g)].map(([, option = '']) => option)
        return [words.split(' ')[0]?.trim() ?? '', options]
      }),
  )
}

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
