import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { tempDir } from '../support/temp.ts'
import { put } from '../support/toy-project.ts'
import { cacheDirOf } from './cache.ts'
import { findExecutable } from './command.ts'
import { debianPackage } from './debian-package.ts'
import { hasApt } from './debian.ts'
import { missingVariable, prepareNeeds } from './prepare.ts'

const signal = new AbortController().signal
const projectDir = join(import.meta.dirname, '..', '..', '..')

const greeter = debianPackage({
  name: 'berth-greeter',
  why: '',
  executable: 'greet',
  check: ['-v'],
})

test('a package is fetched with what it depends on, and runs from the cache', async (t) => {
  if (!onDebian(t)) return
  const site = siteWithMirror(t)
  const [first] = await prepareNeeds([greeter], site)
  assert.ok(first?.state === 'fetched', JSON.stringify(first))
  assert.equal(first.place.detail, 'greeter 1.2')
  assert.ok(first.place.path.startsWith(site.cacheDir))

  const said = execFileSync('greet', { env: { PATH: `${first.place.binDir}:/bin` } }).toString()
  const root = join(first.place.binDir!, '..', 'root')
  assert.equal(said, `hello from ${root}/usr/lib/berth\n`)
  assert.equal((await prepareNeeds([greeter], site))[0]?.state, 'found')
})

test('a package that is not there, or has not that program, is missing with the command', async (t) => {
  if (!onDebian(t)) return
  const site = siteWithMirror(t)
  const [absent, other] = await prepareNeeds(
    [
      debianPackage({ name: 'berth-nothing', why: '' }),
      debianPackage({ name: 'berth-words', why: '' }),
    ],
    site,
  )
  assert.ok(absent?.state === 'missing' && other?.state === 'missing')
  assert.equal(absent.reason, 'apt-get knows no package berth-nothing')
  assert.equal(absent.command, 'apt-get install berth-nothing')
  assert.equal(other.reason, 'the package has no program berth-words')
  assert.deepEqual(readdirSync(join(site.cacheDir, 'debian')), [])
})

test('a mirror that does not answer makes a package missing', async (t) => {
  if (!onDebian(t)) return
  const site = siteWithMirror(t, 'http://127.0.0.1:1/')
  const [outcome] = await prepareNeeds([greeter], site)
  assert.ok(outcome?.state === 'missing')
  assert.match(outcome.reason, /^apt-get (knows no|update|download)/)
})

test('where there is no apt the reason says so', async (t) => {
  const cacheDir = tempDir(t)
  const [outcome] = await prepareNeeds([greeter], {
    projectDir,
    cacheDir,
    env: { PATH: '' },
    signal,
  })
  assert.equal(outcome?.state === 'missing' && outcome.reason, 'this is not a Debian system')
})

test('a package that this machine has installed comes from the cache all the same', async (t) => {
  if (!onDebian(t)) return
  const site = siteWithMirror(t, undefined, { installed: ['berth-greeter', 'berth-words'] })
  const [outcome] = await prepareNeeds([greeter], site)
  assert.ok(outcome?.state === 'fetched', JSON.stringify(outcome))
  const said = execFileSync('greet', { env: { PATH: `${outcome.place.binDir}:/bin` } }).toString()
  assert.match(said, /^hello from /)
})

// The one test that asks a mirror of Debian for something, and only until the cache has it.
test('redis-server comes from the Debian mirror and runs from the cache', async (t) => {
  if (!onDebian(t)) return
  const cacheDir = cacheDirOf(projectDir, process.env)
  const need = debianPackage({ name: 'redis-server', why: '', orInstalled: false })
  // Neither what the machine has nor what this run was given.
  const env = { ...process.env, [need.variable]: '', [missingVariable]: '{}' }
  const [outcome] = await prepareNeeds([need], { projectDir, cacheDir, env, signal })
  assert.ok(outcome)
  if (outcome.state === 'missing') {
    t.skip(`no mirror of Debian answers: ${outcome.reason}`)
    return
  }
  assert.ok(outcome.place.path.startsWith(cacheDir), outcome.place.path)
  const said = execFileSync(outcome.place.path, ['--version'], { env: {}, encoding: 'utf8' })
  assert.match(said, /^Redis server v=\d+\.\d+/)
})

function onDebian(t: TestContext): boolean {
  const ok = hasApt(process.env) && findExecutable('sh', process.env['PATH']) !== undefined
  if (!ok) t.skip('not a Debian system')
  return ok
}

/** A site whose apt knows one mirror, which is a folder, and has no package lists yet. */
function siteWithMirror(
  t: TestContext,
  mirror = `copy:${writeMirror(tempDir(t))}`,
  { installed = [] as string[] } = {},
) {
  const folder = tempDir(t)
  const status = readFileSync('/var/lib/dpkg/status', 'utf8')
  const more = installed.map((name) => `${controlOf(name)}\nStatus: install ok installed\n`)
  put(join(folder, 'status'), [status, ...more].join('\n'))
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true })
  put(join(folder, 'sources.list'), `deb [trusted=yes] ${mirror} ./\n`)
  put(
    join(folder, 'apt.conf'),
    `Dir::Etc::SourceList "${folder}/sources.list";
     Dir::Etc::SourceParts "/dev/null";
     Dir::State::Lists "${folder}/lists";
     Dir::State::status "${folder}/status";
     Dir::Cache::pkgcache "";
     Dir::Cache::srcpkgcache "";\n`,
  )
  const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf') }
  return { projectDir, cacheDir: join(folder, 'cache'), env, signal }
}

/** A program that finds its greeting beside a library which another package brings. */
function writeMirror(mirror: string): string {
  const words = buildPackage(mirror, 'berth-words', '', {
    'usr/lib/berth/libwords.so.1': 'hello',
  })
  const greet = buildPackage(mirror, 'berth-greeter', 'berth-words, libc6', {
    'usr/bin/greet': `#!/bin/sh
if [ "$1" = -v ]; then echo "greeter 1.2"; exit; fi
echo "$(cat "\${LD_LIBRARY_PATH%%:*}/libwords.so.1") from \${LD_LIBRARY_PATH%%:*}"
`,
  })
  put(join(mirror, 'Packages'), `${words}\n${greet}`)
  return `${mirror}/`
}

function buildPackage(
  mirror: string,
  name: string,
  depends: string,
  files: Record<string, string>,
): string {
  const root = join(mirror, 'build', name)
  for (const [path, text] of Object.entries(files)) {
    put(join(root, path), text)
    chmodSync(join(root, path), 0o755)
  }
  const control = controlOf(name, depends)
  put(join(root, 'DEBIAN', 'control'), `${control}\n`)
  const file = `${name}_1.2_all.deb`
  execFileSync('dpkg-deb', ['--build', root, join(mirror, file)], { stdio: 'ignore' })
  const bytes = readFileSync(join(mirror, file))
  const hash = createHash('sha256').update(bytes).digest('hex')
  return `${control}\nFilename: ./${file}\nSize: ${bytes.length}\nSHA256: ${hash}\n`
}

function controlOf(name: string, depends = ''): string {
  return [
    `Package: ${name}`,
    'Version: 1.2',
    'Architecture: all',
    'Maintainer: Berth <tests@example.com>',
    ...(depends ? [`Depends: ${depends}`] : []),
    'Description: for a test',
  ].join('\n')
}
