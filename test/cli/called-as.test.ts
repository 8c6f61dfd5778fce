import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { calledAs } from '../../src/cli/called-as.ts'
import type { Start } from '../../src/cli/called-as.ts'
import { commands } from '../../src/cli/commands/index.ts'
import { tempDir } from '../support/temp.ts'
import { installed } from './installed.ts'

const projectDir = join(import.meta.dirname, '..', '..', '..')
const inClone = join(projectDir, 'dist', 'src', 'cli', 'main.js')
const npm = { npm_execpath: '/npm-cli.js', npm_config_user_agent: 'npm/10.8.2 node/v20.19.0' }
const npx = (name: string) => ({ ...npm, npm_command: 'exec', npm_lifecycle_script: `'${name}'` })

/** What `mcp-berth sessions` becomes; the program is linked to in `root/FOLDER/NAME`. */
function shown(t: TestContext, folder: string, name: string, start: Partial<Start> = {}): string {
  const root = join(tempDir(t), 'my place')
  mkdirSync(join(root, folder), { recursive: true })
  const script = join(root, folder, name)
  symlinkSync(inClone, script)
  const env = { PATH: process.env['PATH'], ...start.env }
  const own = { script, file: inClone, execPath: process.execPath, cwd: root, ...start, env }
  return calledAs(own, commands.keys())('mcp-berth sessions').replaceAll(root, 'ROOT')
}

test('a hint names the program by what leads to it from here', (t) => {
  const bin = 'node_modules/.bin'
  const elsewhere = { cwd: '/' }
  for (const name of ['mcp-berth', 'berth']) {
    // Not in PATH, and not of npm: a path, which is one from the working directory where it can be.
    assert.equal(shown(t, bin, name), `${bin}/${name} sessions`)
    assert.equal(shown(t, '', name), `./${name} sessions`)
    assert.equal(shown(t, 'bin', name, elsewhere), `'ROOT/bin/${name}' sessions`)
    assert.equal(shown(t, bin, name, { env: npx(name) }), `npx ${name} sessions`)
    // `"scripts": { "gateway": "mcp-berth serve …" }` of a project that has it as a dependency.
    const script = {
      npm_lifecycle_event: 'gateway',
      npm_lifecycle_script: 'mcp-berth serve x.yaml',
    }
    const ofProject = { ...npm, npm_command: 'run', ...script }
    assert.equal(shown(t, bin, name, { env: ofProject }), `npx ${name} sessions`)
    // Something else was started by npx, and starts this.
    const { command, env } = installed(tempDir(t), name)
    const below = { ...env, ...npx('other') }
    assert.equal(shown(t, bin, name, { script: command, env: below }), `${name} sessions`)
  }
})

test('a hint names what npx was told to fetch', (t) => {
  const cached = (packages: string[], env: Start['env'] = {}, cwd = '/'): string => {
    const folder = join(tempDir(t), '_npx', 'c0ffee')
    mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ _npx: { packages } }))
    const script = join(folder, 'node_modules', '.bin', 'mcp-berth')
    return shown(t, '', 'mcp-berth', { script, cwd, env: { ...npx('mcp-berth'), ...env } })
  }
  assert.equal(cached(['mcp-berth']), 'npx mcp-berth sessions')
  assert.equal(cached(['mcp-berth@next']), 'npx mcp-berth@next sessions')
  assert.equal(cached([]), 'npx mcp-berth sessions')
  assert.equal(cached([projectDir], { npm_package_name: 'mcp-berth' }), 'npx mcp-berth sessions')
  const packed = join(tempDir(t), 'a b.tgz')
  assert.equal(cached([packed]), `node ${inClone} sessions`)
  writeFileSync(packed, '')
  assert.equal(cached([packed]), `npx '${packed}' sessions`)
  const named = { npm_config_package: 'mcp-berth@0.1.0' }
  assert.equal(cached([], named), 'npx --package=mcp-berth@0.1.0 mcp-berth sessions')
})

test('a hint names the file where that was started, and the script of npm that is the same', (t) => {
  const start: Start = {
    script: inClone,
    file: inClone,
    execPath: process.execPath,
    cwd: projectDir,
    env: { PATH: process.env['PATH'] },
  }
  const clone = calledAs(start, commands.keys())
  assert.equal(clone('Try mcp-berth tools URL.'), 'Try node dist/src/cli/main.js tools URL.')
  const hidden = calledAs({ ...start, env: { PATH: '' } }, commands.keys())
  assert.equal(hidden('mcp-berth help'), `${process.execPath} dist/src/cli/main.js help`)

  const lifecycle = { npm_command: 'run', npm_lifecycle_event: 'load' }
  const script = 'npm run --silent build && node dist/src/cli/main.js load'
  const env = { ...start.env, ...npm, ...lifecycle, npm_lifecycle_script: script }
  const byScript = calledAs({ ...start, env }, commands.keys())
  assert.equal(byScript('usage: mcp-berth load [URL]'), 'usage: npm run load -- [URL]')
  assert.equal(byScript('mcp-berth doctor'), 'node dist/src/cli/main.js doctor')
  const longer = { ...env, npm_lifecycle_script: `${script} --chaos` }
  const byOther = calledAs({ ...start, env: longer }, commands.keys())
  assert.equal(byOther('mcp-berth load'), 'node dist/src/cli/main.js load')
  assert.match(shown(t, 'bin', 'own-gateway.js'), /^node \S+\/dist\/src\/cli\/main\.js sessions$/)
})

test('only commands are replaced, and what wants a cgroup of its own is called directly', (t) => {
  const { command, env } = installed(tempDir(t))
  const folder = join(tempDir(t), 'node_modules', '.bin')
  mkdirSync(folder, { recursive: true })
  const script = join(folder, 'mcp-berth')
  symlinkSync(command, script)
  const own = { script, file: inClone, execPath: process.execPath, cwd: projectDir }
  const byNpx = calledAs({ ...own, env: { ...env, ...npx('mcp-berth') } }, commands.keys())
  for (const text of [
    'mcp-berth: it failed',
    'allowedClients: [mcp-berth]',
    'profile mcp-berth /usr/bin/unshare',
    'the program (default mcp-berth)',
    '/opt/mcp-berth serve',
    'mcp-berth serves',
  ]) {
    assert.equal(byNpx(text), text)
  }
  assert.equal(byNpx('"$(mcp-berth identity token)"'), '"$(npx mcp-berth identity token)"')
  assert.equal(byNpx('mcp-berth COMMAND'), 'npx mcp-berth COMMAND')
  const scope = 'systemd-run --user --scope -p Delegate=yes'
  assert.equal(byNpx(`${scope} mcp-berth serve`), `${scope} node dist/src/cli/main.js serve`)
})

test('the program shows how it was called, and no text knows better', () => {
  const words = [process.execPath, ['dist/src/cli/main.js', 'frobnicate']] as const
  assert.throws(() => execFileSync(...words, { cwd: projectDir, stdio: 'pipe' }), {
    message: /There is no command frobnicate\. node dist\/src\/cli\/main\.js help lists them\./,
  })
  const sources = readdirSync(join(projectDir, 'src'), { recursive: true, encoding: 'utf8' })
  const naming = sources.filter(
    (file) =>
      file.endsWith('.ts') &&
      /npx mcp-berth/.test(readFileSync(join(projectDir, 'src', file), 'utf8')),
  )
  assert.deepEqual(naming, [])
})
