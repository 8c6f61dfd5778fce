import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { need } from '../support/needs.ts'
import { tempDir } from '../support/temp.ts'
import { cacheDirOf } from './cache.ts'
import { runCommand } from './command.ts'
import type { Site } from './need.ts'
import { findPip } from './pip.ts'
import { prepareNeeds } from './prepare.ts'
import { pythonEnvironment } from './python-environment.ts'
import { pythonInterpreter } from './python-interpreter.ts'

const projectDir = join(import.meta.dirname, '..', '..', '..')
const needs = [
  pythonInterpreter({ name: 'python3', why: '', atLeast: [3, 10] }),
  pythonEnvironment({ name: 'tiny', why: '', requirement: 'berthtiny==1.0' }),
]

const writeWheel = `
import sys, zipfile
name = "berthtiny-1.0"
files = {
    "berthtiny.py": "def main():\\n    print('tiny works')\\n",
    f"{name}.dist-info/METADATA": "Metadata-Version: 2.1\\nName: berthtiny\\nVersion: 1.0\\n",
    f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    f"{name}.dist-info/entry_points.txt": "[console_scripts]\\ntiny = berthtiny:main\\n",
}
files[f"{name}.dist-info/RECORD"] = "".join(f"{path},,\\n" for path in files)
with zipfile.ZipFile(f"{sys.argv[1]}/{name}-py3-none-any.whl", "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
`

/** An index that is a folder, with one package in it; nothing is asked of the network. */
function siteWithIndex(t: TestContext, python: string): Omit<Site, 'place'> {
  const index = tempDir(t)
  execFileSync(python, ['-c', writeWheel, index])
  const env = {
    ...process.env,
    BERTH_TEST_PYTHON3: python,
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: index,
  }
  const cacheDir = tempDir(t)
  // A wheel of pip that this machine had to fetch is not fetched again.
  const fetched = join(cacheDirOf(projectDir, process.env), 'pip')
  if (existsSync(fetched)) symlinkSync(fetched, join(cacheDir, 'pip'))
  return { projectDir: index, cacheDir, env, signal: new AbortController().signal }
}

test('an environment built by two runs at once is there for both, under its final name', async (t) => {
  const python = need(t, 'python3')
  if (python === undefined) return
  const site = siteWithIndex(t, python)
  const folder = join(site.cacheDir, 'python', 'berthtiny-1.0')
  // As after an upgrade of the system's Python.
  await mkdir(join(folder, 'bin'), { recursive: true })
  symlinkSync('/no/longer/python', join(folder, 'bin', 'python'))
  const stale = { requirement: 'berthtiny==1.0', folder, python: '/no/longer/python' }
  writeFileSync(join(folder, 'stamp.json'), JSON.stringify(stale))

  const runs = await Promise.all([prepareNeeds(needs, site), prepareNeeds(needs, site)])
  for (const [, outcome] of runs) assert.equal(outcome?.state, 'fetched', JSON.stringify(outcome))
  assert.deepEqual(readdirSync(join(site.cacheDir, 'python')), ['berthtiny-1.0'])

  const [, later] = await prepareNeeds(needs, site)
  assert.ok(later?.state === 'found')
  assert.equal(later.place.path, join(folder, 'bin', 'python'))
  assert.equal(later.place.detail, 'berthtiny 1.0')
  const script = join(later.place.path, '..', 'tiny')
  assert.equal(execFileSync(script, { encoding: 'utf8' }), 'tiny works\n')
})

test('without the index it is missing, with the command to run, and leaves nothing', async (t) => {
  const python = need(t, 'python3')
  if (python === undefined) return
  const site = siteWithIndex(t, python)
  const env = {
    ...site.env,
    PIP_FIND_LINKS: '',
    PIP_NO_INDEX: '',
    PIP_INDEX_URL: 'http://127.0.0.1:1/',
  }
  const [, outcome] = await prepareNeeds(needs, { ...site, env })
  assert.ok(outcome?.state === 'missing')
  assert.match(outcome.reason, /^pip: ERROR: .*berthtiny==1\.0/)
  assert.match(
    outcome.command,
    /^python3 -m venv \S+ && \S+ install berthtiny==1\.0 && export BERTH_/,
  )
  assert.deepEqual(readdirSync(join(site.cacheDir, 'python')), [])
})

test('without a Python on PATH both are missing, and the command is that for Python', async (t) => {
  const cacheDir = tempDir(t)
  const signal = new AbortController().signal
  const outcomes = await prepareNeeds(needs, {
    projectDir: cacheDir,
    cacheDir,
    env: { PATH: cacheDir },
    signal,
  })
  for (const outcome of outcomes) {
    assert.ok(outcome.state === 'missing')
    assert.match(outcome.command, /install python/)
  }
})

test('a shim is asked once for the Python behind it, and one that is too old is passed over', async (t) => {
  const python = need(t, 'python3')
  if (python === undefined) return
  const folder = tempDir(t)
  const script = (dir: string, text: string): string => {
    const path = join(folder, dir, 'python3')
    writeFileSync(path, `#!/bin/sh\n${text}\n`)
    chmodSync(path, 0o755)
    return join(folder, dir)
  }
  for (const dir of ['old', 'shim', 'cache']) await mkdir(join(folder, dir))
  const old = script('old', `echo '{"executable":"/old","version":"3.9.1","major":3,"minor":9}'`)
  const shim = script('shim', `echo asked >> '${folder}/log'; exec '${python}' "$@"`)
  const site = {
    projectDir: folder,
    cacheDir: join(folder, 'cache'),
    env: { PATH: `${old}:${shim}` },
    signal: new AbortController().signal,
  }
  for (let time = 0; time < 2; time += 1) {
    const [outcome] = await prepareNeeds(needs.slice(0, 1), site)
    assert.ok(outcome?.state === 'found')
    assert.ok(!outcome.place.path.startsWith(folder), outcome.place.path)
  }
  assert.equal(readFileSync(join(folder, 'log'), 'utf8'), 'asked\n')
})

test('where Python brings no wheel of pip, one is downloaded with the pip at hand, once', async (t) => {
  const python = need(t, 'python3')
  if (python === undefined) return
  const site = { ...siteWithIndex(t, python), place: () => Promise.reject(new Error('unused')) }
  const own = await findPip(site, python)
  const folder = tempDir(t)
  const bare = join(folder, 'python3')
  const script = `#!/bin/sh
echo "$*" >> '${folder}/log'
case $1 in
  -c) exit 1;;
  -m) shift 2; exec '${python}' '${own}' "$@";;
esac
`
  writeFileSync(bare, script)
  chmodSync(bare, 0o755)
  const env = { ...site.env, PIP_FIND_LINKS: join(own, '..', '..') }
  for (let time = 0; time < 2; time += 1) {
    const pip = await findPip({ ...site, env, cacheDir: folder }, bare)
    assert.ok(pip.startsWith(join(folder, 'pip', 'pip-')), pip)
    assert.match((await runCommand(python, [pip, '--version'], site)).stdout, /^pip \d+/)
  }
  const asked = readFileSync(join(folder, 'log'), 'utf8').match(/^-m pip download/gm)
  assert.equal(asked?.length, 1)
})
