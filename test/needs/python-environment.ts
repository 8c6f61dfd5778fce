import { existsSync, realpathSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publish, readStamp, writeStamp } from './cache.ts'
import { runCommand } from './command.ts'
import { NeedError } from './need.ts'
import type { Need, Place, Site } from './need.ts'
import { findPip } from './pip.ts'

interface Stamp {
  requirement: string
  /** Where it was built for; the scripts in it name that folder. */
  folder: string
  /** The interpreter behind the environment, without which it is good for nothing. */
  python: string
}

interface Options<N extends string> {
  name: N
  why: string
  /** Pinned: `name==version`. `test/needs/<name>-<version>.txt` pins what it brings along. */
  requirement: `${string}==${string}`
}

/** A virtual environment with one requirement in it; its place is its Python. */
export function pythonEnvironment<const N extends string>(options: Options<N>): Need<N> {
  const { name, requirement } = options
  const variable = `BERTH_TEST_PYTHON_${name.toUpperCase()}`
  const own = `~/berth-${name}`
  const detail = requirement.replace('==', ' ')
  const folderIn = (site: Site): string =>
    join(site.cacheDir, 'python', requirement.replace('==', '-'))
  const find = (site: Site): Promise<Place | undefined> => {
    const path = join(folderIn(site), 'bin', 'python')
    return Promise.resolve(isIntact(folderIn(site), requirement) ? { path, detail } : undefined)
  }

  return {
    name,
    why: options.why,
    kind: 'test',
    variable,
    byHand:
      `python3 -m venv ${own} && ${own}/bin/pip install ${requirement} && ` +
      `export ${variable}=${own}/bin/python`,
    find,
    async fetch(site) {
      const python = await site.place('python3')
      const folder = folderIn(site)
      await publish(
        folder,
        () => Promise.resolve(isIntact(folder, requirement)),
        (unfinished) => build({ site, python: python.path, requirement, unfinished, folder }),
      )
      return { path: join(folder, 'bin', 'python'), detail }
    },
  }
}

function isIntact(folder: string, requirement: string): boolean {
  const stamp = readStamp(join(folder, 'stamp.json')) as Stamp | undefined
  if (stamp?.requirement !== requirement || stamp.folder !== folder) return false
  try {
    return realpathSync(join(folder, 'bin', 'python')) === stamp.python
  } catch {
    return false
  }
}

interface Job {
  site: Site
  python: string
  requirement: string
  /** Where it is built, and … */
  unfinished: string
  /** … where it will be. */
  folder: string
}

async function build(job: Job): Promise<void> {
  const { site, python, requirement, unfinished } = job
  const env = cleanEnv(site.env)
  // Debian's venv has no pip to put into it unless python3-venv is installed.
  const made = await runCommand(python, ['-m', 'venv', '--without-pip', unfinished], {
    ...site,
    env,
  })
  if (!made.ok) throw new NeedError(`python3 -m venv failed: ${made.why}`)
  const inside = join(unfinished, 'bin', 'python')
  await install(job, inside, env)

  const [module] = requirement.split('==')
  const works = await runCommand(inside, ['-c', `import ${module}`], { ...site, env })
  if (!works.ok) throw new NeedError(`${requirement} does not work here: ${works.why}`)
  await moveScripts(join(unfinished, 'bin'), unfinished, job.folder)
  const stamp: Stamp = { requirement, folder: job.folder, python: realpathSync(inside) }
  await writeStamp(join(unfinished, 'stamp.json'), stamp)
}

async function install(job: Job, inside: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { site, python, requirement } = job
  const pip = await findPip({ ...site, env }, python)
  const attempt = (constraints: string[]) =>
    runCommand(
      inside,
      [
        ...[pip, 'install', '--quiet', '--no-input', '--disable-pip-version-check'],
        ...['--retries', '1', '--timeout', '20', '--prefer-binary', requirement, ...constraints],
      ],
      { ...site, env, timeoutMs: 300_000 },
    )
  const pins = join(site.projectDir, 'test', 'needs', `${requirement.replace('==', '-')}.txt`)
  let done = await attempt(existsSync(pins) ? ['--constraint', pins] : [])
  // Another Python, platform or index may not have exactly what the pins name.
  if (!done.ok && existsSync(pins) && !isUnreachable(done.stderr)) done = await attempt([])
  if (!done.ok) throw new NeedError(`pip: ${done.why}`)
}

function isUnreachable(stderr: string): boolean {
  return /Retrying|\(from versions: none\)|ConnectionError|Temporary failure/.test(stderr)
}

/** Scripts name their interpreter by its path, so they are written for the final one. */
async function moveScripts(binDir: string, from: string, to: string): Promise<void> {
  for (const entry of await readdir(binDir, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(binDir, entry.name)
    const text = await readFile(path, 'latin1')
    if (text.includes(from)) await writeFile(path, text.replaceAll(from, to), 'latin1')
  }
}

/** Without what would make Python or pip look, or install, somewhere else. */
function cleanEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const misleading = ['PYTHONHOME', 'PYTHONPATH', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_USER']
  return Object.fromEntries(Object.entries(env).filter(([name]) => !misleading.includes(name)))
}
