import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { publish, readStamp, writeStamp } from './cache.ts'
import { findExecutable, isExecutable, runCommand } from './command.ts'
import { unpackPackage } from './debian.ts'
import { NeedError } from './need.ts'
import type { Need, Place, Site } from './need.ts'

interface Options<N extends string> {
  name: N
  why: string
  kind?: Need['kind']
  /** Default: the name. */
  package?: string
  /** Its main program: a name, or a path inside the package. Default: the name. */
  executable?: string
  /** Whether what the system has is good as well. Default: yes. */
  orInstalled?: boolean
  /** Arguments with which the program only says that it works. */
  check?: string[]
}

interface Stamp {
  detail: string
  /** Where it was built for; the scripts in it name that folder. */
  folder: string
}

const programDirs = ['usr/bin', 'usr/sbin', 'bin', 'sbin', 'usr/games']

/**
 * A program that the system has, or that a package of Debian brings: downloaded, unpacked into
 * the cache folder and run from there, libraries and all, without being installed.
 */
export function debianPackage<const N extends string>(options: Options<N>): Need<N> {
  const { name, why, kind = 'test', check = ['--version'], orInstalled = true } = options
  const packageName = options.package ?? name
  const executable = options.executable ?? name
  const program = basename(executable)

  const folderIn = (site: Site): string =>
    join(site.cacheDir, 'debian', `${packageName}-${release()}-${process.arch}`)
  const cached = (folder: string): Place | undefined => {
    const stamp = readStamp(join(folder, 'stamp.json')) as Stamp | undefined
    const binDir = join(folder, 'bin')
    const path = join(binDir, program)
    return stamp?.folder === folder && isExecutable(path)
      ? { path, detail: stamp.detail, binDir }
      : undefined
  }

  return {
    name,
    why,
    kind,
    variable: `BERTH_TEST_${name.toUpperCase().replaceAll('-', '_')}`,
    byHand: `apt-get install ${packageName}`,
    find(site) {
      const path = orInstalled ? `${site.env['PATH'] ?? ''}:/usr/sbin:/sbin` : ''
      const installed = findExecutable(program, path)
      const place = installed === undefined ? undefined : { path: installed, detail: '' }
      return Promise.resolve(place ?? cached(folderIn(site)))
    },
    async fetch(site) {
      const folder = folderIn(site)
      await publish(
        folder,
        () => Promise.resolve(cached(folder) !== undefined),
        async (unfinished) => {
          const root = join(unfinished, 'root')
          await mkdir(root)
          await unpackPackage(site, packageName, { into: root, withDependencies: true })
          const libraries = await libraryDirs(root)
          const detail = await tryOut(site, { root, executable, libraries, check })
          await writePrograms({ unfinished, folder, libraries, executable })
          await writeStamp(join(unfinished, 'stamp.json'), { detail, folder } satisfies Stamp)
        },
      )
      const place = cached(folder)
      if (place === undefined) throw new NeedError(`${packageName} has no program ${program}`)
      return place
    },
  }
}

/** Debian's code name, so that a cache shared by several systems keeps their programs apart. */
function release(): string {
  if (!existsSync('/etc/os-release')) return process.platform
  const text = readFileSync('/etc/os-release', 'utf8')
  return /^VERSION_CODENAME="?([\w.-]+)/m.exec(text)?.[1] ?? 'linux'
}

async function tryOut(
  site: Site,
  what: { root: string; executable: string; libraries: string[]; check: string[] },
): Promise<string> {
  const { root, executable, libraries, check } = what
  const path = executable.includes('/')
    ? join(root, executable)
    : findExecutable(executable, programDirs.map((dir) => join(root, dir)).join(':'))
  if (path === undefined) throw new NeedError(`the package has no program ${executable}`)
  const env = { ...site.env, LD_LIBRARY_PATH: libraryPath(root, libraries, site.env) }
  const done = await runCommand(path, check, { ...site, env, timeoutMs: 20_000 })
  if (!done.ok) throw new NeedError(`${executable} was fetched but does not run: ${done.why}`)
  const [firstLine = ''] = (done.stdout || done.stderr).split('\n')
  return firstLine.trim().slice(0, 40)
}

/** One folder with everything that can be run, each with the libraries that came along. */
async function writePrograms(what: {
  unfinished: string
  folder: string
  libraries: string[]
  executable: string
}): Promise<void> {
  const { unfinished, folder, libraries, executable } = what
  const binDir = join(unfinished, 'bin')
  await mkdir(binDir)
  const programs = new Map<string, string>()
  for (const dir of programDirs) {
    for (const name of await namesIn(join(unfinished, 'root', dir))) {
      programs.set(name, join(dir, name))
    }
  }
  if (executable.includes('/')) programs.set(basename(executable), executable)
  for (const [name, path] of programs) {
    if (libraries.length === 0) {
      await symlink(relative(binDir, join(unfinished, 'root', path)), join(binDir, name))
      continue
    }
    const root = join(folder, 'root')
    const search = quoted(libraries.map((dir) => join(root, dir)).join(':'))
    const script = `#!/bin/sh
LD_LIBRARY_PATH=${search}"\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec ${quoted(join(root, path))} "$@"
`
    await writeFile(join(binDir, name), script)
    await chmod(join(binDir, name), 0o755)
  }
}

function libraryPath(root: string, libraries: string[], env: NodeJS.ProcessEnv): string {
  const own = libraries.map((dir) => join(root, dir))
  return [...own, ...(env['LD_LIBRARY_PATH'] ? [env['LD_LIBRARY_PATH']] : [])].join(':')
}

/** Folders with shared libraries, as paths inside the root. */
async function libraryDirs(root: string): Promise<string[]> {
  const found: string[] = []
  const visit = async (dir: string, depth: number): Promise<void> => {
    const names = await namesIn(join(root, dir))
    if (names.some((name) => /\.so(\.|$)/.test(name))) found.push(dir)
    if (depth > 0) for (const name of names) await visit(join(dir, name), depth - 1)
  }
  for (const dir of ['usr/lib', 'lib', 'usr/lib64', 'lib64']) await visit(dir, 2)
  return found
}

async function namesIn(dir: string): Promise<string[]> {
  // Most names that are visited are files, and most packages have few of these folders.
  return readdir(dir).catch(() => [])
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
