import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { after, describe, it, test } from 'node:test'

import { version } from '../../src/ground/version.ts'
import { anchorsOf, linksOf } from '../docs/markdown.ts'
import { installPacked } from './packed.ts'

const { files, dir, npx } = await installPacked({ after })

test('the package has what it needs, and nothing that leads out of it', () => {
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8')

  const ways = [
    /^(LICENSE|README\.md|package\.json|docker-compose\.yml)$/,
    /^config\/[\w.-]+$/,
    /^src\/[\w./-]+\.(ts|md)$/,
    /^dist\/src\/[\w./-]+\.js(\.map)?$/,
    /^test\/(docs\/[\w-]+\.(svg|png)|((bench|attack)\/)?README\.md)$/,
  ]
  const strays = files.filter(
    (file) => !ways.some((way) => way.test(file)) || /\.test\./.test(file),
  )
  assert.deepEqual(strays, [])

  for (const file of files.filter((name) => name.endsWith('.js') && name.startsWith('dist/'))) {
    const [, map = ''] = /^\/\/# sourceMappingURL=(\S+)$/m.exec(read(file)) ?? []
    const { sources } = JSON.parse(read(join(dirname(file), map))) as { sources: string[] }
    for (const source of sources) {
      assert.ok(files.includes(join(dirname(file), source)), `${file} is mapped to ${source}`)
    }
  }

  for (const page of files.filter((name) => name.endsWith('.md'))) {
    for (const { path, anchor } of linksOf(read(page))) {
      const to = path === '' ? page : normalize(join(dirname(page), path))
      const isThere = files.includes(to) || statSync(join(dir, to), { throwIfNoEntry: false })
      assert.ok(isThere, `${page} links to ${path}: name it in "files" of package.json`)
      if (anchor !== undefined) assert.ok(anchorsOf(read(to)).has(anchor), `${page}: #${anchor}`)
    }
  }
})

test('the package says what it is, whose, and where to turn to', () => {
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as {
    bin: Record<string, string>
    repository: { url: string }
    bugs: { url: string }
  } & Record<string, unknown>
  const home = manifest.repository.url.replace(/^git\+(.*)\.git$/, '$1')
  assert.match(home, /^https:\/\//)
  assert.equal(manifest.bugs.url, `${home}/issues`)
  for (const key of ['description', 'license', 'author', 'homepage', 'keywords', 'engines']) {
    assert.ok(manifest[key], key)
  }
  assert.deepEqual(Object.keys(manifest.bin), ['mcp-berth', 'berth'])
  for (const file of Object.values(manifest.bin)) {
    assert.match(readFileSync(join(dir, file), 'utf8'), /^#!\/usr\/bin\/env node\n/)
    assert.equal(statSync(join(dir, file)).mode & 0o111, 0o111)
  }
})

const trip = 'node_modules/mcp-berth/dist/src/demo/trip-planner.js'
const quick = ['--sessions', '2', '--calls', '20', '--no-break-outs']

describe('in an empty folder the package', { concurrency: 3 }, () => {
  for (const [name, args, says] of [
    ['mcp-berth', ['demo'], /server: npx mcp-berth serve -- python3 server\.py\n$/],
    ['mcp-berth', ['load', 'berth', ...quick], /^Separation: PASS$/m],
    ['mcp-berth', ['check', '--start', '--', 'node', trip], /^✓ server: .* plan_trip/m],
    ['mcp-berth', ['check', 'node_modules/mcp-berth/config/berth.yaml'], / is right/],
    ['mcp-berth', ['doctor'], /^. process trees: /m],
    ['mcp-berth', ['--version'], new RegExp(`^${version()}\n$`)],
    ['berth', ['--help'], /^usage: npx berth COMMAND \[options\]$/m],
  ] as const) {
    it(`does ${name} ${args[0]}`, async () => {
      const { code, stdout, stderr } = await npx(name, [...args])
      assert.equal(code, 0, `${stderr}${stdout}`)
      assert.match(stdout, says)
    })
  }

  it('says how it is called there', async () => {
    const { code, stderr } = await npx('mcp-berth', ['frobnicate'])
    assert.equal(code, 2)
    assert.match(stderr, /There is no command frobnicate\. npx mcp-berth help lists them\./)
  })
})
